package cachefs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/memufs"
)

// With SyncAlways every look asks the store, also the one that comes before the journal has what the last one saw.
func TestAlwaysIsAlsoAtOnce(t *testing.T) {
	s := memufs.New(nil).UFS()
	n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/m", Store: s, Sync: cachefs.SyncAlways}}})
	require.NoError(t, err)
	defer n.Close()
	for i := range 50 {
		key := fmt.Sprintf("d%d/f", i)
		for _, text := range []string{"old", "newer", "the newest"} {
			cachefstest.Put(t, s, key, text)
			require.Equal(t, text, cachefstest.At(t, n, "/m/"+key))
		}
		require.NoError(t, s.Delete(t.Context(), key))
		require.Equal(t, "gone", cachefstest.At(t, n, "/m/"+key))
	}
}

// Nobody who may order the journal is there: what the last look saw waits for as long, and is asked for again all the same.
func TestAlwaysWithoutAPrimary(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 3, func(cfg *cachefs.Config) { cfg.Mounts[0].Sync = cachefs.SyncAlways })
		c.Primary()
		s, n := c.Store.UFS(), c.Nodes[0]
		c.Crash(1)
		c.Crash(2)
		time.Sleep(time.Minute) // they are missed
		cachefstest.Put(t, s, "d/f", "new")
		for range 3 {
			began, calls := time.Now(), total(c.Store.Calls())
			require.Equal(t, "new", cachefstest.At(t, n, "/mem/d/f"))
			require.Greater(t, total(c.Store.Calls()), calls, "it was asked")
			require.Zero(t, time.Since(began), "and nobody else")
		}
		cachefstest.Put(t, s, "d/f", "newer")
		require.Equal(t, "newer", cachefstest.At(t, n, "/mem/d/f"))
		c.Store.OnCall(func(string, string) error { return ufs.ErrUnavailable })
		_, err := n.Stat(t.Context(), "/mem/d/f", nil)
		require.ErrorIs(t, err, ufs.ErrUnavailable)
		c.Store.OnCall(nil)
		require.NoError(t, s.Delete(t.Context(), "d/f"))
		require.Equal(t, "gone", cachefstest.At(t, n, "/mem/d/f"))
		cachefstest.Put(t, s, "d/f", "the newest")
		c.Start(1, 2)
		time.Sleep(time.Minute)
		require.Equal(t, "the newest", cachefstest.At(t, n, "/mem/d/f"))
	})
}
