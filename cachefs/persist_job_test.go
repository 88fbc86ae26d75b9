package cachefs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
)

// TestPersistSaysHowFarItIs: files, bytes, what was skipped, and what cannot be had any more with its reason.
func TestPersistSaysHowFarItIs(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n, faulty, _ := brokenNode(t)
		require.NoError(t, n.Mkdir(t.Context(), "/mem/d", nil))
		for name, wt := range map[string]cachefs.WriteType{"a": cachefs.MustCache, "b": cachefs.MustCache, "stored": cachefs.CacheThrough, "goes": cachefs.MustCache} {
			require.NoError(t, write("/mem/d/"+name, "1", cachefs.CreateOptions{WriteType: wt})(n))
		}
		size := int64(len(planned("1")))
		require.NoError(t, faulty.Play("commit fail=unavailable"))
		job, err := n.Persist(t.Context(), "/mem/d", nil)
		require.NoError(t, err)
		time.Sleep(time.Second)
		p := job.Progress()
		require.False(t, p.Done)
		require.True(t, p.Listed)
		require.EqualValues(t, 4, p.Files)
		require.Equal(t, 4*size, p.Bytes)
		require.EqualValues(t, 1, p.FilesDone)
		require.EqualValues(t, 1, p.Skipped)
		require.Equal(t, size, p.BytesDone)
		require.NoError(t, n.Remove(t.Context(), "/mem/d/goes", &cachefs.RemoveOptions{CacheOnly: true}))
		require.NoError(t, faulty.Play(""))
		err = job.Wait(t.Context())
		require.ErrorIs(t, err, cachefs.ErrChanged)
		require.ErrorContains(t, err, "persist /mem/d/goes: ")
		p = job.Progress()
		require.True(t, p.Done)
		require.EqualValues(t, 3, p.FilesDone)
		require.EqualValues(t, 1, p.Failed)
		require.Equal(t, 3*size, p.BytesDone)
		require.Positive(t, p.PerSecond)
		require.InDelta(t, float64(p.BytesDone)/p.Elapsed.Seconds(), p.PerSecond, 1)
	})
}
