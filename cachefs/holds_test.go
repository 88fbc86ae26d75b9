package cachefs_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/tier"
)

// refusesCopies has a node take none.
func (s *several) refusesCopies(id string) {
	s.rig.FailCalls(func(_, to, method string) error {
		if to == id && method == "cachefs.hold" {
			return errors.New("it takes no copies")
		}
		return nil
	})
}

// TestTwoAskForTheSameCopies: two homes ask a node at once that has room for the file, and for nothing more. It has the copies
// when it has said so to either.
func TestTwoAskForTheSameCopies(t *testing.T) {
	overSeveral(t, 3, tiny(false, "c"), func(s *several) {
		want := randomBytes(3 * 64 << 10)
		s.refusesCopies("c")
		require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/f", want, cachefs.CreateOptions{}))
		require.ElementsMatch(s, []string{"a", "b"}, s.homes("/f"))
		var reads atomic.Int32
		s.rig.FailCalls(func(from, to, method string) error {
			if from == "c" && to == "a" && method == "read" {
				if reads.Add(1) == 3 {
					return errors.New("it is asked again soon") // c has the room by now, and not the last block
				}
			}
			return nil
		})
		answers := map[string]chan error{"a": make(chan error, 1), "b": make(chan error, 1)}
		for _, id := range []string{"a", "b"} {
			go func() { answers[id] <- cachefs.AskHold(s.Context(), s.nodes["c"], s.nodes[id], "/f", int64(len(want))) }()
			synctest.Wait()
		}
		require.EqualValues(s, 3, reads.Load(), "one of them waits for the last block")
		for id, answer := range answers {
			require.NoError(s, <-answer, id)
		}
		require.True(s, cachefs.HoldsAll(s.nodes["c"], "/f"))
	})
}

// marks are the blocks that a node has, and whether they are held.
func marks(n *cachefs.Node) map[tier.BlockID]bool {
	m := map[tier.BlockID]bool{}
	for _, b := range cachefs.Blocks(n) {
		m[b.ID] = m[b.ID] || b.Held
	}
	return m
}

// TestHoldThatFails: a request for copies that cannot get the last block leaves what it met as it was: a cached copy may be evicted, and
// what an earlier request was told of is held.
func TestHoldThatFails(t *testing.T) {
	for name, earlier := range map[string]bool{"cached": false, "held": true} {
		t.Run(name, func(t *testing.T) {
			overSeveral(t, 3, nil, func(s *several) {
				want := randomBytes(3 * 64 << 10)
				s.refusesCopies("c")
				require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/f", want, cachefs.CreateOptions{}))
				s.rig.FailCalls(nil)
				s.settle()
				c := s.nodes["c"]
				ask := func() error { return cachefs.AskHold(s.Context(), c, s.nodes["a"], "/f", int64(len(want))) }
				require.NoError(s, same(readAll(s.T, c, "/f"), want, 0))
				if earlier {
					require.NoError(s, ask())
				}
				require.True(s, cachefs.DropBlock(c, "/f", 2))
				before := marks(c)
				require.Len(s, before, 2)
				for id, held := range before {
					require.Equal(s, earlier, held, id.String())
				}
				broken := errors.New("broken")
				s.rig.FailCalls(func(_, _, method string) error {
					if method == "read" {
						return broken
					}
					return nil
				})
				require.ErrorContains(s, ask(), broken.Error())
				require.Equal(s, before, marks(c))
			})
		})
	}
}

// TestHostWithoutRoomForTheRest: the node that took what its writer had no room for has none for the rest. What it took is
// there for the node that takes all, or for the store, and may be evicted then.
func TestHostWithoutRoomForTheRest(t *testing.T) {
	for name, how := range map[string]cachefs.WriteType{"/f": cachefs.MustCache, "/m/f": cachefs.AsyncThrough} {
		t.Run(name, func(t *testing.T) {
			overSeveral(t, 3, tiny(false, "a", "c"), func(s *several) {
				want := randomBytes(6 * 64 << 10)
				s.refusesCopies("b")
				w, err := s.nodes["a"].Create(s.Context(), name, &cachefs.CreateOptions{WriteType: how, ReplicasMin: 1})
				require.NoError(s, err)
				_, err = w.Write(want)
				require.NoError(s, err)
				require.Positive(s, heldBlocks(s.nodes["c"]))
				if how == cachefs.MustCache {
					s.rig.FailCalls(nil)
				}
				require.NoError(s, w.Close())
				if how == cachefs.MustCache {
					require.Equal(s, []string{"b"}, s.homes(name))
				} else {
					s.requireStored("f", want)
				}
				s.everywhere(func(n *cachefs.Node) { require.NoError(s, same(readAll(s.T, n, name), want, 0), n.ID()) })
				for _, id := range []string{"a", "c"} {
					require.Zero(s, heldBlocks(s.nodes[id]), id)
				}
			})
		})
	}
}

// TestLetGoComesLate: a writer's word that what others took of its file is needed no more arrives when the file is complete, and longer.
// A home keeps it.
func TestLetGoComesLate(t *testing.T) {
	overSeveral(t, 2, nil, func(s *several) {
		a, b := s.nodes["a"], s.nodes["b"]
		want := randomBytes(3 * 64 << 10)
		require.NoError(s, writeFile(s.Context(), a, "/f", want, cachefs.CreateOptions{ReplicasMin: 1}))
		require.Equal(s, []string{"a"}, s.homes("/f"))
		require.NoError(s, cachefs.AskHold(s.Context(), b, a, "/f", int64(len(want))))
		require.Equal(s, 3, heldBlocks(b))
		for to, from := range map[*cachefs.Node]*cachefs.Node{a: b, b: a} {
			require.NoError(s, cachefs.AskLetGo(s.Context(), to, from, "/f", 64<<10), to.ID())
		}
		require.Zero(s, heldBlocks(b))
		require.Equal(s, 3, heldBlocks(a))
	})
}
