package cachefs_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
)

// TestOffsetIsWaitedForWithinTheContext: while one goroutine reads on, another one that shares the open file waits for the
// offset as long as its own context says.
func TestOffsetIsWaitedForWithinTheContext(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 1)
		require.NoError(t, putOutside(t.Context(), c.Store.UFS(), "f", []byte("slow")))
		f, err := c.Node().Open(t.Context(), cachefstest.MountPath+"/f", nil)
		require.NoError(t, err)
		defer f.Close()
		let := make(chan struct{})
		c.Store.OnCall(func(op, _ string) error { <-let; return nil })
		all := make(chan error, 1)
		go func() { _, err := io.ReadAll(f); all <- err }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		late := f.WithContext(ctx)
		for what, call := range map[string]func() error{
			"read":    func() error { _, err := late.Read(make([]byte, 1)); return err },
			"seek":    func() error { _, err := late.Seek(0, io.SeekStart); return err },
			"writeto": func() error { _, err := late.WriteTo(io.Discard); return err },
		} {
			require.ErrorIs(t, call(), context.DeadlineExceeded, what)
		}
		close(let)
		require.NoError(t, <-all)
		_, err = late.Seek(0, io.SeekStart)
		require.NoError(t, err, "what nobody has is not waited for")
	})
}

// TestShutdownDoesNotWaitForAStuckWriter: a store that does not answer, whatever the context says, holds up a Shutdown no
// longer than its context.
func TestShutdownDoesNotWaitForAStuckWriter(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 1)
		let := make(chan struct{})
		c.Store.OnCall(func(op, _ string) error {
			if op == "commit" {
				<-let
			}
			return nil
		})
		n := c.Nodes[0]
		c.Nodes[0] = nil // it is closed here
		stuck, err := n.Create(t.Context(), cachefstest.MountPath+"/stuck", nil)
		require.NoError(t, err)
		go stuck.Close()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, n.Shutdown(ctx), context.DeadlineExceeded)
		require.Equal(t, 5*time.Second, time.Since(began))
		close(let)
		require.ErrorIs(t, n.Close(), context.DeadlineExceeded, "what the first one said, after the rest has ended")
	})
}

// TestTurnsTakeNoMemory: a turn that is free costs Write and Read no allocation.
func TestTurnsTakeNoMemory(t *testing.T) {
	n := cachefstest.New(t, 1).Node()
	w, err := n.Create(t.Context(), "/f", nil)
	require.NoError(t, err)
	p := make([]byte, 10)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, err = w.Write(p) }))
	require.NoError(t, errors.Join(err, w.Close()))
	f, err := n.Open(t.Context(), "/f", nil)
	require.NoError(t, err)
	defer f.Close()
	require.Zero(t, testing.AllocsPerRun(100, func() { _, err = f.Read(p) }))
	require.NoError(t, err)
}
