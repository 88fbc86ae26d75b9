package cachefs_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
)

// A Load that ended with its process goes on where it was: what had been done is skipped, and nothing is read twice.
func TestLoadGoesOnAfterARestart(t *testing.T) {
	c := cachefstest.New(t, 1)
	const files, size = 12, 3000
	putFiles(t, c, files, size)
	var opens atomic.Int32
	reached, goOn := make(chan struct{}), make(chan struct{})
	c.Store.OnCall(func(op, _ string) error {
		if op == "open" && opens.Add(1) == 8 {
			close(reached)
			<-goOn
		}
		return nil
	})
	job, err := c.Node().Load(t.Context(), "/mem/d", &cachefs.LoadOptions{Parallel: 1})
	require.NoError(t, err)
	<-reached
	require.EqualValues(t, 7, job.Progress().FilesDone)
	job.Cancel()
	close(goOn)
	require.ErrorIs(t, job.Wait(t.Context()), cachefs.ErrCancelled)
	c.Restart()
	job, err = c.Node().Load(t.Context(), "/mem/d", nil)
	require.NoError(t, err)
	require.NoError(t, job.Wait(t.Context()))
	p := job.Progress()
	require.EqualValues(t, files, p.FilesDone)
	require.GreaterOrEqual(t, p.Skipped, int64(7), "the eighth was on its way")
	require.LessOrEqual(t, opens.Load(), int32(files+1))
	for i := range files {
		require.Equal(t, content(uint32(i), size), readAll(t, c.Node(), fmt.Sprintf("/mem/d/f%02d", i)))
	}
	require.LessOrEqual(t, opens.Load(), int32(files+1), "and all of it is cached")
}
