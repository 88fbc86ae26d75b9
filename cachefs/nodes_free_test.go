package cachefs_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/tier"
)

// fill puts n files of two blocks into the store's directory d, and returns the bytes of each path.
func (s *several) fill(n int) map[string][]byte {
	files := map[string][]byte{}
	require.NoError(s, s.ufs.Mkdir(s.Context(), "d", true, 0o755))
	for i := range n {
		data := content(uint32(i), 100_000)
		require.NoError(s, putOutside(s.Context(), s.ufs, fmt.Sprintf("d/%d", i), data))
		files[fmt.Sprintf("/m/d/%d", i)] = data
	}
	return files
}

// blocks is how many blocks each node has cached, in memory, on its disk or both.
func (s *several) blocks() map[string]int {
	count := map[string]int{}
	for _, n := range s.rig.Living() {
		ids := map[tier.BlockID]bool{}
		for _, b := range cachefs.Blocks(n) {
			ids[b.ID] = true
		}
		count[n.ID()] = len(ids)
	}
	return count
}

// TestFreeEverywhere: when Free returns, no live node has a block; who was away drops his when he is back.
func TestFreeEverywhere(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		files := s.fill(4)
		everybodyReads := func() {
			s.everywhere(func(n *cachefs.Node) {
				for path, data := range files {
					require.NoError(s, same(readAll(s.T, n, path), data, 0))
				}
			})
			synctest.Wait() // a copy is kept behind its reader
			require.Equal(s, map[string]int{"a": 8, "b": 8, "c": 8}, s.blocks())
		}
		everybodyReads()
		require.NoError(s, s.nodes["b"].Free(s.Context(), "/m/d", &cachefs.FreeOptions{Recursive: true}))
		require.Equal(s, map[string]int{"a": 0, "b": 0, "c": 0}, s.blocks())

		everybodyReads()
		away := s.others(s.rig.Primary().ID())[0]
		other := s.others(away)[0]
		s.rig.Isolate(away)
		require.NoError(s, s.nodes[other].Free(s.Context(), "/m/d/0", nil), "it waits until the others know that one is away")
		require.NoError(s, s.nodes[other].Remove(s.Context(), "/m/d/1", nil))
		have := s.blocks()
		require.Equal(s, 8, have[away])
		require.Equal(s, 4, have[other])
		s.rig.Heal()
		s.settle()
		require.Equal(s, map[string]int{"a": 4, "b": 4, "c": 4}, s.blocks())
	})
}

// TestAwayAndBack: a node that comes back with its disk drops the blocks of files that went meanwhile, and serves those of
// the others.
func TestAwayAndBack(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		files := s.fill(20)
		away := s.others(s.rig.Primary().ID())[0]
		j, err := s.nodes[away].Load(s.Context(), "/m/d", nil)
		require.NoError(s, err)
		require.NoError(s, j.Wait(s.Context()))
		s.crash(away)
		s.settle()
		had := 0
		for _, n := range s.blocks() {
			had += n
		}
		require.Less(s, had, 40, "the node that is away has the rest")
		for i := range 10 {
			path := fmt.Sprintf("/m/d/%d", i)
			require.NoError(s, s.rig.Primary().Remove(s.Context(), path, nil))
			delete(files, path)
		}
		s.back(away)
		time.Sleep(10 * time.Second)
		total := 0
		for _, n := range s.blocks() {
			total += n
		}
		require.Equal(s, 20, total)
		read := s.nodes[away].Metrics().StoreBytes
		for path, data := range files {
			require.NoError(s, same(readAll(s.T, s.nodes[away], path), data, 0))
		}
		require.Equal(s, read, s.nodes[away].Metrics().StoreBytes, "all of it was cached, here or on a peer")
	})
}

// TestLoadFillsTheOwners: a Load on one node brings each block once, to the node that owns it.
func TestLoadFillsTheOwners(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		files := s.fill(10)
		for range 2 { // again: all of it is there
			j, err := s.nodes["a"].Load(s.Context(), "/m/d", nil)
			require.NoError(s, err)
			require.NoError(s, j.Wait(s.Context()))
			have, fromStore := s.blocks(), uint64(0)
			for _, n := range s.rig.Living() {
				require.NotZero(s, have[n.ID()], n.ID())
				fromStore += n.Metrics().StoreBytes
			}
			require.Equal(s, 20, have["a"]+have["b"]+have["c"])
			require.EqualValues(s, 10*100_000, fromStore)
			p := j.Progress()
			require.EqualValues(s, 10, p.FilesDone)
			require.EqualValues(s, 10*100_000, p.BytesDone)
		}
		s.everywhere(func(n *cachefs.Node) {
			for path, data := range files {
				require.NoError(s, same(readAll(s.T, n, path), data, 0))
			}
		})
	})
}

// TestLoadMakesCopies: of files that should have two, each block is on two nodes after a Load, and came from the store once.
func TestLoadMakesCopies(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		files := s.fill(10)
		least := 2
		for path := range files { // what is there is known then
			require.NoError(s, s.nodes["b"].SetAttr(s.Context(), path, &cachefs.AttrOptions{ReplicasMin: &least}))
		}
		s.settle()
		j, err := s.nodes["a"].Load(s.Context(), "/m/d", nil)
		require.NoError(s, err)
		require.NoError(s, j.Wait(s.Context()))
		have := s.blocks()
		require.Equal(s, 20*least, have["a"]+have["b"]+have["c"])
		fromStore := uint64(0)
		for _, n := range s.rig.Living() {
			fromStore += n.Metrics().StoreBytes
		}
		require.EqualValues(s, 10*100_000, fromStore)
		require.Zero(s, j.Progress().Skipped)
		j, err = s.nodes["c"].Load(s.Context(), "/m/d", nil)
		require.NoError(s, err)
		require.NoError(s, j.Wait(s.Context()))
		require.EqualValues(s, 10, j.Progress().Skipped, "all of it is there")
	})
}

// TestLoadAsksTheNext: where an owner has no room the next node of the ring brings the block, and a Load that finds too few fails.
func TestLoadAsksTheNext(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		least := 2
		for path := range s.fill(10) {
			require.NoError(s, s.nodes["b"].SetAttr(s.Context(), path, &cachefs.AttrOptions{ReplicasMin: &least}))
		}
		s.settle()
		full := map[string]bool{"b": true}
		s.rig.FailCalls(func(_, to, method string) error {
			if full[to] && method == "cachefs.load" {
				return cachefs.ErrNoSpace
			}
			return nil
		})
		require.NoError(s, wait(s.nodes["a"].Load(s.Context(), "/m/d", nil)))
		have := s.blocks() // b has what a asked of it as a reader
		require.Equal(s, []int{20, 20}, []int{have["a"], have["c"]})
		full["c"] = true
		require.ErrorIs(s, wait(s.nodes["a"].Load(s.Context(), "/m/d", nil)), cachefs.ErrNoSpace)
	})
}

// TestConsistent: a change that another node has made before is seen, by who asks for that.
func TestConsistent(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		for i := range 20 {
			dir := fmt.Sprintf("/%d", i)
			require.NoError(s, s.nodes["a"].Mkdir(s.Context(), dir, nil))
			for _, id := range []string{"b", "c"} {
				_, err := s.nodes[id].Stat(s.Context(), dir, &cachefs.StatOptions{Consistent: true})
				require.NoError(s, err, id)
				seen := 0
				for _, err := range s.nodes[id].List(s.Context(), "/", &cachefs.ListOptions{Consistent: true}) {
					require.NoError(s, err)
					seen++
				}
				require.Equal(s, i+2, seen, id) // and /m
			}
		}
	})
}
