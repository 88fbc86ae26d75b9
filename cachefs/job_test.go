package cachefs_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
)

// putFiles stores n files of size bytes below d.
func putFiles(t *testing.T, c *cachefstest.Cluster, n, size int) {
	for i := range n {
		putStore(t, c, fmt.Sprintf("d/f%02d", i), content(uint32(i), size))
	}
}

// Load reads as many files at a time as it was told, tells how far it is, names what failed and why, and does the rest.
func TestLoad(t *testing.T) {
	c := cachefstest.New(t, 1)
	n := c.Node()
	const files, size, parallel = 20, 1000, 4
	putFiles(t, c, files, size)
	var running, most atomic.Int32
	var met sync.WaitGroup
	met.Add(parallel)
	var together sync.Once
	broken := errors.New("this one is broken")
	var began atomic.Int32
	c.Store.OnCall(func(op, key string) error {
		if op != "open" {
			return nil
		}
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		if began.Add(1) <= parallel { // the first ones wait for each other: all of them run
			met.Done()
		}
		together.Do(met.Wait)
		if key == "d/f07" {
			return fmt.Errorf("%w: %w", cachefs.ErrPermission, broken)
		}
		return nil
	})
	job, err := n.Load(t.Context(), "/mem/d", &cachefs.LoadOptions{Parallel: parallel})
	require.NoError(t, err)
	err = within(t, func() error { return job.Wait(t.Context()) })
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "load /mem/d/f07: ")
	require.LessOrEqual(t, most.Load(), int32(parallel))
	p := job.Progress()
	require.True(t, p.Done && p.Listed)
	require.EqualValues(t, files, p.Files)
	require.EqualValues(t, files-1, p.FilesDone)
	require.EqualValues(t, 1, p.Failed)
	require.Len(t, p.Errors, 1)
	require.EqualValues(t, files*size, p.Bytes)
	require.EqualValues(t, (files-1)*size, p.BytesDone)
	require.Positive(t, p.PerSecond)
	require.Equal(t, p, job.Progress(), "what has ended stays as it is")

	// The same call goes on from there.
	c.Store.OnCall(nil)
	opens := c.Store.Calls()["open"]
	job, err = n.Load(t.Context(), "/mem/d", nil)
	require.NoError(t, err)
	require.NoError(t, job.Wait(t.Context()))
	require.EqualValues(t, files-1, job.Progress().Skipped)
	require.Equal(t, 1, c.Store.Calls()["open"]-opens)
	require.Equal(t, content(7, size), readAll(t, n, "/mem/d/f07"))
}

// The context of the call ends the job; so does Cancel, and both say so.
func TestLoadCancelled(t *testing.T) {
	for name, end := range map[string]func(j *cachefs.Job, cancel context.CancelCauseFunc) error{
		"context": func(_ *cachefs.Job, cancel context.CancelCauseFunc) error {
			cause := errors.New("the cause")
			cancel(cause)
			return cause
		},
		"Cancel": func(j *cachefs.Job, _ context.CancelCauseFunc) error { j.Cancel(); return cachefs.ErrCancelled },
	} {
		t.Run(name, func(t *testing.T) {
			c := cachefstest.New(t, 1)
			putFiles(t, c, 20, 100)
			gate, met := make(chan struct{}), make(chan struct{}, 20)
			c.Store.OnCall(func(op, _ string) error {
				if op == "open" {
					met <- struct{}{}
					<-gate
				}
				return nil
			})
			ctx, cancel := context.WithCancelCause(t.Context())
			job, err := c.Node().Load(ctx, "/mem/d", &cachefs.LoadOptions{Parallel: 2})
			require.NoError(t, err)
			<-met
			waiter, stop := context.WithCancel(t.Context())
			stop()
			require.ErrorIs(t, job.Wait(waiter), context.Canceled, "who waits may leave; the job goes on")
			require.False(t, job.Progress().Done)
			want := end(job, cancel)
			close(gate)
			require.ErrorIs(t, within(t, func() error { return job.Wait(t.Context()) }), want)
			require.Less(t, job.Progress().FilesDone, int64(20))
			require.True(t, job.Progress().Done)
		})
	}
}

// Verify loads what the store has now, not what was believed.
func TestLoadVerify(t *testing.T) {
	c := cachefstest.New(t, 1)
	n := c.Node()
	putFiles(t, c, 2, 100)
	require.NoError(t, wait(n.Load(t.Context(), "/mem/d", nil)))
	putStore(t, c, "d/f00", content(90, 150))
	require.NoError(t, wait(n.Load(t.Context(), "/mem/d", nil)))
	require.Equal(t, content(0, 100), readAll(t, n, "/mem/d/f00"), "believed for ever, by the mount's policy")
	job, err := n.Load(t.Context(), "/mem/d", &cachefs.LoadOptions{Verify: true})
	require.NoError(t, err)
	require.NoError(t, job.Wait(t.Context()))
	require.EqualValues(t, 1, job.Progress().Skipped, "the other one is what it was")
	opens := c.Store.Calls()["open"]
	require.Equal(t, content(90, 150), readAll(t, n, "/mem/d/f00"))
	require.Equal(t, opens, c.Store.Calls()["open"], "it is loaded")
}

// Free has dropped the blocks when it returns, of a tree too, and keeps its hands off what is pinned or only here.
func TestFree(t *testing.T) {
	c := cachefstest.New(t, 1)
	n := c.Node()
	cached := func(path string) bool {
		list, err := n.Locate(t.Context(), path, nil)
		require.NoError(t, err)
		return len(list[0].Nodes) > 0
	}
	putFiles(t, c, 3, 100)
	require.NoError(t, wait(n.Load(t.Context(), "/mem/d", nil)))
	require.True(t, cached("/mem/d/f00"))
	require.ErrorIs(t, n.Free(t.Context(), "/mem/d", nil), cachefs.ErrNotEmpty)
	require.NoError(t, n.Free(t.Context(), "/mem/d", &cachefs.FreeOptions{Recursive: true}))
	for i := range 3 {
		require.False(t, cached(fmt.Sprintf("/mem/d/f%02d", i)))
	}
	require.NoError(t, wait(n.Load(t.Context(), "/mem/d/f00", nil)))
	require.NoError(t, n.SetAttr(t.Context(), "/mem/d/f00", &cachefs.AttrOptions{Pin: new(true)}))
	err := n.Free(t.Context(), "/mem/d/f00", nil)
	require.ErrorIs(t, err, cachefs.ErrPinned)
	require.ErrorContains(t, err, "Force unpins it")
	require.True(t, cached("/mem/d/f00"))
	require.NoError(t, n.Free(t.Context(), "/mem/d/f00", &cachefs.FreeOptions{Force: true}))
	require.False(t, cached("/mem/d/f00"))
	require.False(t, mustStat(t, n, "/mem/d/f00").Pinned())
}
