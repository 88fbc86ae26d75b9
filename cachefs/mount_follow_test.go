package cachefs_test

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
)

// specOf is how another node describes a mount in the journal.
func specOf(url, store string, age time.Duration) []byte {
	return fmt.Appendf(nil, `{"url":%q,"store":%q,"sync":%d}`, url, store, age)
}

// TestMountsOfOthers: what another node mounts, changes and unmounts is so here, too.
func TestMountsOfOthers(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/f", content(1, 100), 0o600))
	url := "file://" + dir
	s, err := ufs.Open(t.Context(), url, nil)
	require.NoError(t, err)
	place := s.ID()
	require.NoError(t, s.Close())
	bubbletest.Test(t, func(t *testing.T) {
		var said []cachefs.MountInfo
		cfg := cachefs.Config{Events: cachefs.Events{StoreUnavailable: func(m cachefs.MountInfo) { said = append(said, m) }}}
		n, err := cachefs.OpenAmong(t.Context(), cfg, cachefs.NewOthers())
		require.NoError(t, err)
		defer n.Close()
		mounts := func() map[string]cachefs.MountInfo {
			synctest.Wait()
			list, err := n.Mounts(t.Context())
			require.NoError(t, err)
			at := map[string]cachefs.MountInfo{}
			for _, m := range list {
				at[m.Path] = m
			}
			return at
		}
		require.NoError(t, cachefs.Change(t.Context(), n, &namespace.Mount{Path: "/o", Spec: specOf(url, place, 0), Place: place}))
		require.Equal(t, content(1, 100), readAll(t, n, "/o/f"))
		require.True(t, mounts()["/o"].Available)

		require.NoError(t, cachefs.Change(t.Context(), n, &namespace.Remount{Path: "/o", Spec: specOf(url, place, time.Minute), ReadOnly: true}))
		require.Equal(t, time.Minute, mounts()["/o"].Sync)
		require.True(t, mounts()["/o"].ReadOnly)
		require.True(t, mounts()["/o"].Available, "its store stays open")
		_, err = n.Create(t.Context(), "/o/g", nil)
		require.ErrorIs(t, err, cachefs.ErrReadOnly)

		require.Empty(t, said)
		require.NoError(t, cachefs.Change(t.Context(), n, &namespace.Mount{Path: "/x", Spec: specOf("none://x", "none://x", 0), Place: "none://x"}))
		require.False(t, mounts()["/x"].Available)
		require.ErrorContains(t, mounts()["/x"].Err, `unknown scheme "none"`)
		require.Len(t, said, 1)
		require.Equal(t, "/x", said[0].Path)

		for _, path := range []string{"/o", "/x"} {
			require.NoError(t, cachefs.Change(t.Context(), n, &namespace.Unmount{Path: path}))
		}
		require.Empty(t, mounts())
		_, err = n.Stat(t.Context(), "/o/f", nil)
		require.ErrorIs(t, err, cachefs.ErrNotExist)
	})
}

// TestMountsAreFollowedFirst: who waits for a replica, for another node, finds the mounts that it has.
func TestMountsAreFollowedFirst(t *testing.T) {
	cmds := [][]byte{(&namespace.Mkdir{Path: "/d"}).Append(nil), (&namespace.Mount{Path: "/o", Place: "mem://o"}).Append(nil)}
	var reached []uint64
	cachefs.FollowMounts(cmds, func(at uint64) { reached = append(reached, at) })
	require.Equal(t, []uint64{1}, reached)
}
