package cachefs_test

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/tier"
)

// read has nodes read files, which they keep then.
func (s *several) read(files map[string][]byte, nodes ...string) {
	s.Helper()
	for _, id := range nodes {
		for path, data := range files {
			require.NoError(s, same(readAll(s.T, s.nodes[id], path), data, 0), "%s on %s", path, id)
		}
	}
	synctest.Wait() // a copy is kept behind its reader
}

// has reports whether a node has a file cached.
func (s *several) has(id, path string) bool {
	s.Helper()
	list, err := s.nodes[id].Locate(s.Context(), path, nil)
	require.NoError(s, err)
	for _, b := range list {
		if len(b.Nodes) == 0 || b.Nodes[0].Node != id {
			return false
		}
	}
	return true
}

// TestTimeToLiveOutlivesThePrimary: what the primary was told of times to live the next one knows, and ends each file once; all nodes drop
// the blocks, who was away when it is back.
func TestTimeToLiveOutlivesThePrimary(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		files := s.fill(2)
		s.read(files, "a", "b", "c")
		primary := s.rig.Primary().ID()
		ttl := time.Minute
		for path, end := range map[string]cachefs.TTLAction{"/m/d/0": cachefs.DeleteAtEnd, "/m/d/1": cachefs.FreeAtEnd} {
			require.NoError(s, s.nodes[primary].SetAttr(s.Context(), path, &cachefs.AttrOptions{TTL: &ttl, TTLAction: &end}))
		}
		time.Sleep(ttl / 2)
		s.crash(primary)
		time.Sleep(ttl/2 - 2*time.Second)
		left := s.others(primary)
		require.Equal(s, map[string]int{left[0]: 4, left[1]: 4}, s.blocks(), "before the end")
		time.Sleep(10 * time.Second)
		require.Equal(s, map[string]int{left[0]: 0, left[1]: 0}, s.blocks())
		require.Equal(s, 1, s.store.Calls()["delete"], "it is ended once")
		ended := func() {
			s.everywhere(func(n *cachefs.Node) {
				_, err := n.Stat(s.Context(), "/m/d/0", nil)
				require.ErrorIs(s, err, cachefs.ErrNotExist, n.ID())
				_, err = n.Stat(s.Context(), "/m/d/1", nil)
				require.NoError(s, err, n.ID())
			})
		}
		ended()
		s.back(primary)
		require.Zero(s, s.blocks()[primary])
		ended()
		time.Sleep(2 * time.Minute)
		require.Equal(s, 1, s.store.Calls()["delete"])
	})
}

// TestPinHoldsEverywhere: what one node pins is kept by another whose tier is too small for all that it reads.
func TestPinHoldsEverywhere(t *testing.T) {
	small := func(_ string, cfg *cachefs.Config) {
		cfg.Tiers = []tier.Config{{Kind: tier.Memory, Size: 1 << 20}}
	}
	overSeveral(t, 2, small, func(s *several) {
		files := s.fill(30)
		first := map[string][]byte{"/m/d/0": files["/m/d/0"], "/m/d/1": files["/m/d/1"]}
		maps.DeleteFunc(files, func(path string, _ []byte) bool { return first[path] != nil })
		s.read(first, "b")
		require.NoError(s, s.nodes["a"].SetAttr(s.Context(), "/m/d/0", &cachefs.AttrOptions{Pin: new(true)}))
		s.settle()
		s.read(files, "b")
		require.True(s, s.has("b", "/m/d/0"))
		require.False(s, s.has("b", "/m/d/1"), "the tier is full: what is not pinned went")
		require.NoError(s, s.nodes["a"].SetAttr(s.Context(), "/m/d/0", &cachefs.AttrOptions{Pin: new(false)}))
		s.settle()
		s.read(files, "b")
		require.False(s, s.has("b", "/m/d/0"), "it is like any other again")
	})
}

// TestUnmountEverywhere: what one node unmounts all others drop.
func TestUnmountEverywhere(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		s.read(s.fill(4), "a", "b", "c")
		require.NoError(s, writeFile(s.Context(), s.nodes["b"], "/scratch", planned("1"), cachefs.CreateOptions{ReplicasMin: 3}))
		scratch := s.blocks()["a"] - 8
		require.Positive(s, scratch)
		require.NoError(s, s.nodes["a"].Unmount(s.Context(), "/m", nil))
		s.everywhere(func(n *cachefs.Node) {
			_, err := n.Stat(s.Context(), "/m/d/0", nil)
			require.ErrorIs(s, err, cachefs.ErrNotExist, n.ID())
			require.True(s, cachefs.HoldsAll(n, "/scratch"), n.ID())
		})
		require.Equal(s, map[string]int{"a": scratch, "b": scratch, "c": scratch}, s.blocks())
	})
}
