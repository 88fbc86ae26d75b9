package cachefs_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
)

// patrol is how long it takes a node to look at what it took, and a bit.
const patrol = 2 * time.Minute

// uncounted writes /f, three blocks, and has the node that is no home of it take copies that nobody counts on.
func (s *several) uncounted(o cachefs.CreateOptions) (other string) {
	s.Helper()
	want := randomBytes(3 * 64 << 10)
	require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/f", want, o))
	homes := strings.Join(s.homes("/f"), " ")
	for _, id := range s.others("a") {
		if !strings.Contains(homes, id) {
			other = id
		}
	}
	require.NoError(s, cachefs.AskHold(s.Context(), s.nodes[other], s.nodes["a"], "/f", int64(len(want))))
	require.Equal(s, 3, heldBlocks(s.nodes[other]))
	return other
}

// TestCopiesThatNobodyCountsOn: who asked for copies gave up before it heard that they are there. They may be evicted soon; the
// homes keep theirs. A node that restarts in between finds out as well.
func TestCopiesThatNobodyCountsOn(t *testing.T) {
	for name, restarts := range map[string]bool{"the node goes on": false, "it restarts": true} {
		t.Run(name, func(t *testing.T) {
			overSeveral(t, 3, nil, func(s *several) {
				other := s.uncounted(cachefs.CreateOptions{})
				if restarts {
					s.crash(other)
					s.settle()
					s.back(other)
					require.Equal(s, 3, heldBlocks(s.nodes[other]), "its disk has them")
				}
				homes := s.homes("/f")
				time.Sleep(patrol)
				require.Zero(s, heldBlocks(s.nodes[other]))
				require.Equal(s, homes, s.homes("/f"))
				for _, id := range homes {
					require.True(s, cachefs.HoldsAll(s.nodes[id], "/f"), id)
				}
				for id, n := range s.nodes {
					require.Zero(s, cachefs.Taken(n), id)
				}
			})
		})
	}
}

// TestCopiesThatMayBeNeeded: a file that has fewer homes than it wants keeps copies that nobody has counted on, until somebody does.
func TestCopiesThatMayBeNeeded(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		least := 2
		other := s.uncounted(cachefs.CreateOptions{ReplicasMin: 1})
		require.Len(s, s.homes("/f"), 1)
		s.rig.FailCalls(func(_, _, method string) error {
			if method == "cachefs.hold" {
				return errors.New("no more copies for now")
			}
			return nil
		})
		require.NoError(s, s.nodes["a"].SetAttr(s.Context(), "/f", &cachefs.AttrOptions{ReplicasMin: &least}))
		time.Sleep(patrol)
		require.Equal(s, 3, heldBlocks(s.nodes[other]))
		s.rig.FailCalls(nil)
		time.Sleep(patrol)
		homes := s.homes("/f")
		require.Len(s, homes, 2)
		for _, id := range homes {
			require.True(s, cachefs.HoldsAll(s.nodes[id], "/f"), id)
		}
	})
}

// TestHomeAfterAll: a node is made a home after it has let go of its copies. It holds them again, and takes one anew that
// has gone.
func TestHomeAfterAll(t *testing.T) {
	for name, evicted := range map[string]bool{"it has them": false, "one has gone": true} {
		t.Run(name, func(t *testing.T) {
			overSeveral(t, 3, nil, func(s *several) {
				other := s.uncounted(cachefs.CreateOptions{})
				time.Sleep(patrol)
				require.Zero(s, heldBlocks(s.nodes[other]))
				if evicted {
					require.True(s, cachefs.DropBlock(s.nodes[other], "/f", 1))
				}
				require.NoError(s, cachefs.AddHome(s.Context(), s.nodes["a"], "/f", other))
				s.settle()
				require.Contains(s, s.homes("/f"), other)
				require.True(s, cachefs.HoldsAll(s.nodes[other], "/f"))
			})
		})
	}
}

// TestHostIsNotTold: a writer that turned to its store could not tell the node that took blocks of its file. That finds out
// by itself; what is still being written stays until then.
func TestHostIsNotTold(t *testing.T) {
	overSeveral(t, 3, tiny(false, "a", "c"), func(s *several) {
		s.refusesCopies("b")
		want := randomBytes(6 * 64 << 10)
		w, host := s.spilledTo("/m/f", want, cachefs.AsyncThrough)
		require.Equal(s, "c", host)
		held := heldBlocks(s.nodes[host])
		time.Sleep(patrol)
		require.Equal(s, held, heldBlocks(s.nodes[host]), "it is being written")
		var asked atomic.Int32
		s.rig.FailCalls(func(_, to, method string) error {
			if method == "cachefs.hold" && (to != host || asked.Add(1) > 2) { // the last block, all that it lacks, then the word
				return errors.New("broken")
			}
			return nil
		})
		require.NoError(s, w.Close())
		s.settle()
		require.EqualValues(s, 3, asked.Load())
		require.Positive(s, heldBlocks(s.nodes[host]))
		time.Sleep(patrol)
		require.Zero(s, heldBlocks(s.nodes[host]))
		s.requireStored("f", want)
	})
}

// TestHomeWhileItLetsGo: a node is made a home just when it lets go of its copies. It holds them again afterwards.
func TestHomeWhileItLetsGo(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		other := s.uncounted(cachefs.CreateOptions{})
		letGo := cachefs.LettingGo(s.nodes[other], "/f")
		require.NoError(s, cachefs.AddHome(s.Context(), s.nodes["a"], "/f", other))
		s.settle()
		letGo()
		s.settle()
		require.Contains(s, s.homes("/f"), other)
		require.True(s, cachefs.HoldsAll(s.nodes[other], "/f"))
	})
}

// TestHomeThatHoldsNothing: a node that finds after a start that it is a home of blocks which may be evicted holds them.
func TestHomeThatHoldsNothing(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/f", randomBytes(3*64<<10), cachefs.CreateOptions{}))
		home := s.homes("/f")[1]
		cachefs.LettingGo(s.nodes[home], "/f")()
		require.Zero(s, heldBlocks(s.nodes[home]))
		s.crash(home)
		s.back(home)
		require.Contains(s, s.homes("/f"), home)
		require.True(s, cachefs.HoldsAll(s.nodes[home], "/f"))
	})
}
