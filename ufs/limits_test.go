package ufs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
)

// TestMostCalls: never more calls at a time than MaxCalls, and nobody is forgotten.
func TestMostCalls(t *testing.T) {
	bubble(t, ufs.Options{MaxCalls: 3}, nil, func(w *world) {
		w.play("* delay=1s")
		var wg sync.WaitGroup
		began := time.Now()
		for range 10 {
			wg.Go(func() {
				_, err := w.s.Stat(w.Context(), "")
				require.NoError(w, err)
			})
		}
		synctest.Wait()
		m := w.s.Metrics()
		require.Equal(w, 3, m.InFlight)
		require.Equal(w, 7, m.Waiting)
		wg.Wait()
		require.Equal(w, 4*time.Second, time.Since(began), "10 calls of 1 s, 3 at a time")
		require.Zero(w, w.s.Metrics().InFlight)
	})
}

// TestFirstComeFirstServed, with bodies: each holds its place until it is closed, or read to its end.
func TestFirstComeFirstServed(t *testing.T) {
	bubble(t, ufs.Options{MaxCalls: 1}, nil, func(w *world) {
		w.put("f", pattern(100))
		held, _, err := w.s.Open(w.Context(), "f", 0, -1, "")
		require.NoError(w, err)
		var order []int
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				rc, _, err := w.s.Open(w.Context(), "f", 0, -1, "")
				require.NoError(w, err)
				order = append(order, i)
				_, err = io.Copy(io.Discard, rc) // to its end: closed late
				require.NoError(w, err)
				time.Sleep(time.Minute)
				require.NoError(w, rc.Close())
			})
			synctest.Wait()
		}
		require.Empty(w, order)
		began := time.Now()
		require.NoError(w, held.Close())
		wg.Wait()
		require.Equal(w, []int{0, 1, 2, 3, 4}, order)
		require.Equal(w, time.Minute, time.Since(began), "a body at its end keeps nobody waiting")
	})
}

// TestMostBytes: bodies wait for room, a larger one than all goes alone, and small ones do not pass it.
func TestMostBytes(t *testing.T) {
	bubble(t, ufs.Options{MaxBytes: 100}, nil, func(w *world) {
		w.put("f", pattern(1000))
		open := func(n int64) io.Closer {
			rc, _, err := w.s.Open(w.Context(), "f", 0, n, "")
			require.NoError(w, err)
			return rc
		}
		first := open(60)
		require.EqualValues(w, 60, w.s.Metrics().BytesInFlight)
		var order []string
		var wg sync.WaitGroup
		for _, n := range []int64{500, 10} {
			wg.Go(func() {
				rc := open(n)
				order = append(order, fmt.Sprint(n, " beside ", w.s.Metrics().BytesInFlight))
				require.NoError(w, rc.Close())
			})
			synctest.Wait()
		}
		require.Empty(w, order, "10 would fit, and waits behind 500")
		require.NoError(w, first.Close())
		wg.Wait()
		require.Equal(w, []string{"500 beside 100", "10 beside 10"}, order)
		require.Zero(w, w.s.Metrics().BytesInFlight)
	})
}

// TestWritesTakeTurns: bytes being written are bounded, too, but not by bodies that are open.
func TestWritesTakeTurns(t *testing.T) {
	bubble(t, ufs.Options{MaxBytes: 100}, nil, func(w *world) {
		w.put("f", pattern(1000))
		rc, _, err := w.s.Open(w.Context(), "f", 0, -1, "")
		require.NoError(w, err)
		w.play("write delay=1s")
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				c, err := w.s.Create(w.Context(), fmt.Sprint("w", i), ufs.CreateOptions{})
				require.NoError(w, err)
				_, err = c.Write(pattern(50))
				require.NoError(w, err)
				_, err = c.Commit(w.Context())
				require.NoError(w, err)
			})
		}
		wg.Wait()
		require.Equal(w, 2*time.Second, time.Since(began), "two at a time")
		require.NoError(w, rc.Close())
		require.EqualValues(w, 200, w.s.Metrics().BytesWritten)
	})
}

// TestWaitingEnds with the caller's context, and lets the next one through.
func TestWaitingEnds(t *testing.T) {
	bubble(t, ufs.Options{MaxBytes: 100}, nil, func(w *world) {
		w.put("f", pattern(1000))
		held, _, err := w.s.Open(w.Context(), "f", 0, 60, "")
		require.NoError(w, err)
		left := errors.New("the user left")
		ctx, cancel := context.WithCancelCause(w.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _, err := w.s.Open(ctx, "f", 0, 100, "")
			require.ErrorIs(w, err, left)
		})
		synctest.Wait()
		passed := false
		wg.Go(func() {
			rc, _, err := w.s.Open(w.Context(), "f", 0, 40, "")
			require.NoError(w, err)
			passed = true
			require.NoError(w, rc.Close())
		})
		synctest.Wait()
		require.False(w, passed)
		cancel(left)
		wg.Wait()
		require.True(w, passed)
		require.NoError(w, held.Close())
		require.Zero(w, w.s.Metrics().InFlight)
	})
}
