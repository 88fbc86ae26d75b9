package cachefs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/memufs"
)

// A clock that is an hour behind after a restart hides nothing of what the store has now: neither from who asks it nor, after
// the mount's age, from who does not.
func TestClockSetBack(t *testing.T) {
	disk, below := vfs.NewMem(), memufs.New(nil)
	run := func(before time.Duration, test func(t *testing.T, n *cachefs.Node, s *ufs.Store)) {
		bubbletest.Test(t, func(t *testing.T) { // each run begins at the same time
			time.Sleep(before)
			s, err := ufs.New(below, "mem://clock", nil)
			require.NoError(t, err)
			defer s.Close()
			n, err := cachefs.Open(t.Context(), cachefs.Config{
				Dir: "/node", FS: disk, Mounts: []cachefs.MountConfig{{Path: "/m", Store: s, Sync: time.Minute}},
			})
			require.NoError(t, err)
			defer n.Close()
			test(t, n, s)
		})
	}
	run(time.Hour, func(t *testing.T, n *cachefs.Node, s *ufs.Store) {
		for _, key := range []string{"d/stat", "d/sync", "d/list", "d/gone", "d/aged"} {
			cachefstest.Put(t, s, key, "old")
		}
		has, err := names(n.List(t.Context(), "/m/d", nil), "/m/d")
		require.NoError(t, err)
		require.Equal(t, []string{"aged 3", "gone 3", "list 3", "stat 3", "sync 3"}, has)
	})
	run(0, func(t *testing.T, n *cachefs.Node, s *ufs.Store) {
		for _, key := range []string{"d/stat", "d/sync", "d/list", "d/aged", "d/new"} {
			cachefstest.Put(t, s, key, "newer")
		}
		require.NoError(t, s.Delete(t.Context(), "d/gone"))
		info, err := n.Stat(t.Context(), "/m/d/stat", &cachefs.StatOptions{Sync: true})
		require.NoError(t, err)
		require.EqualValues(t, 5, info.Size())
		require.Equal(t, "newer", string(readAll(t, n, "/m/d/stat")))
		f, err := n.Open(t.Context(), "/m/d/sync", &cachefs.OpenOptions{Sync: true})
		require.NoError(t, err)
		require.EqualValues(t, 5, f.Size())
		require.NoError(t, f.Close())
		time.Sleep(2 * time.Minute)
		require.Equal(t, "newer", cachefstest.At(t, n, "/m/d/aged"))
		has, err := names(n.List(t.Context(), "/m/d", &cachefs.ListOptions{Sync: true}), "/m/d")
		require.NoError(t, err)
		require.Equal(t, []string{"aged 5", "list 5", "new 5", "stat 5", "sync 5"}, has)
		require.Equal(t, "newer", cachefstest.At(t, n, "/m/d/list"))
		require.Equal(t, "newer", cachefstest.At(t, n, "/m/d/sync"), "what was found is kept")
	})
}
