package cachefs_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/ufs/memufs"
)

// hasBegun makes what a node has begun when it goes: an incomplete file, and a directory whose intent has no end. The store has
// the directory already.
func hasBegun(t *testing.T, n *cachefs.Node, store *memufs.Store, id string) {
	lease := cachefs.NewLease(id)
	require.NoError(t, cachefs.Change(t.Context(), n, &namespace.CreateFile{Path: "/" + id, BlockSize: 64 << 10, Lease: lease}))
	require.NoError(t, cachefs.Change(t.Context(), n, &namespace.BeginBy{Begin: namespace.Begin{Kind: namespace.IntentMkdir, Path: "/m/" + id}, Lease: lease}))
	require.NoError(t, store.UFS().Mkdir(t.Context(), id, true, 0o755))
}

// ended reports whether what a node had begun has ended, all of it or nothing.
func ended(t *testing.T, n *cachefs.Node, id string) bool {
	t.Helper()
	synctest.Wait()
	_, err := n.Stat(t.Context(), "/"+id, nil)
	gone := errors.Is(err, cachefs.ErrNotExist)
	in, err := n.Stat(t.Context(), "/m/"+id, nil)
	made := err == nil && in.IsDir()
	require.Equal(t, gone, made, "the file is gone: %v; the directory is there: %v", gone, err)
	return gone
}

// TestDeparted: the primary ends what nodes have begun that failed or left, after a while also what nodes have begun that it
// has never heard of; what living ones are doing is theirs.
func TestDeparted(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		store, others := memufs.New(nil), cachefs.NewOthers()
		others.Set("lives", true)
		others.Set("fails", true)
		n, err := cachefs.OpenAmong(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/m", Store: store.UFS()}}}, others)
		require.NoError(t, err)
		defer n.Close()
		others.Set(n.ID(), true)
		for _, id := range []string{"lives", "fails", "unheard"} {
			hasBegun(t, n, store, id)
		}
		w, err := n.Create(t.Context(), "/own", nil)
		require.NoError(t, err)

		others.Set("other", true) // a change of the members: the primary looks
		for _, id := range []string{"lives", "fails", "unheard"} {
			require.False(t, ended(t, n, id), id)
		}
		others.Set("fails", false)
		require.True(t, ended(t, n, "fails"))
		require.False(t, ended(t, n, "unheard"))
		time.Sleep(59 * time.Second)
		require.False(t, ended(t, n, "unheard"))
		time.Sleep(2 * time.Second)
		require.True(t, ended(t, n, "unheard"))
		time.Sleep(time.Hour)
		require.False(t, ended(t, n, "lives"))
		require.NoError(t, w.Close())
	})
}

// TestEarlierRunsAreTheNodesOwn: Open ends what earlier runs of the same node had begun, and nothing else.
func TestEarlierRunsAreTheNodesOwn(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		store, others := memufs.New(nil), cachefs.NewOthers()
		others.Set("lives", true)
		cfg := cachefs.Config{Dir: "/node", FS: vfs.NewMem(), Mounts: []cachefs.MountConfig{{Path: "/m", Store: store.UFS()}}}
		n, err := cachefs.OpenAmong(t.Context(), cfg, others)
		require.NoError(t, err)
		id := n.ID()
		hasBegun(t, n, store, id)
		hasBegun(t, n, store, "lives")
		require.NoError(t, n.Close())

		others.Set(id, true)
		n, err = cachefs.OpenAmong(t.Context(), cfg, others)
		require.NoError(t, err)
		defer n.Close()
		require.Equal(t, id, n.ID())
		require.True(t, ended(t, n, id))
		require.False(t, ended(t, n, "lives"))
	})
}
