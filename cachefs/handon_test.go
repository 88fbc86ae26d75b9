package cachefs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/tier"
)

// inMemory leaves a node nothing that outlives it.
func inMemory(_ string, cfg *cachefs.Config) {
	cfg.Dir, cfg.Journal.Dir = "", ""
	cfg.Tiers = []tier.Config{{Kind: tier.Memory, Size: 64 << 20}}
}

// inMemoryTiers leaves a node the namespace alone.
func inMemoryTiers(_ string, cfg *cachefs.Config) {
	cfg.Tiers = []tier.Config{{Kind: tier.Memory, Size: 64 << 20}}
}

// leave ends nodes at the same moment, and returns what they say, in their order.
func (s *several) leave(ids ...string) []error {
	errs := make([]error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() { errs[i] = s.rig.Leave(s.Context(), id) })
	}
	all.Wait()
	for _, id := range ids {
		delete(s.nodes, id)
	}
	return errs
}

// failing has each upload fail while it is up, at its end.
func (s *several) failing() (mend func()) {
	down := errors.New("down")
	s.store.OnCall(func(op, _ string) error {
		if op == "commit" {
			return down
		}
		return nil
	})
	return func() { s.store.OnCall(nil) }
}

// TestBothHomesLeave: both homes of a file end at the same moment. One of them has others take it, whoever leads and whatever
// became of its upload.
func TestBothHomesLeave(t *testing.T) {
	for path, how := range map[string]cachefs.WriteType{"/f": cachefs.MustCache, "/m/f": cachefs.AsyncThrough} {
		for _, byPrimary := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, the primary is one: %v", how, byPrimary), func(t *testing.T) {
				overSeveral(t, 4, inMemory, func(s *several) {
					defer s.failing()()
					writer := s.rig.Primary().ID()
					if !byPrimary {
						writer = s.others(writer)[0]
					}
					require.NoError(s, writeFile(s.Context(), s.nodes[writer], path, planned("1"), cachefs.CreateOptions{WriteType: how}))
					homes := s.homes(path)
					require.Len(s, homes, 2)
					require.NoError(s, errors.Join(s.leave(homes...)...))
					time.Sleep(3 * time.Minute)
					s.everywhere(func(n *cachefs.Node) {
						require.Contains(s, s.homes(path), n.ID())
						require.True(s, cachefs.HoldsAll(n, path), n.ID())
						require.NoError(s, same(readAll(s.T, n, path), planned("1"), 0), n.ID())
						require.Empty(s, cachefs.Leavers(n), "they have gone for long")
					})
				})
			})
		}
	}
}

// TestAllButOneLeave: of three nodes two end at the same moment; the third one has it all.
func TestAllButOneLeave(t *testing.T) {
	overSeveral(t, 3, inMemory, func(s *several) {
		for id, n := range s.nodes {
			require.NoError(s, writeFile(s.Context(), n, "/"+id, planned(id), cachefs.CreateOptions{}))
		}
		require.NoError(s, errors.Join(s.leave("a", "c")...))
		for _, id := range []string{"a", "b", "c"} {
			require.NoError(s, same(readAll(s.T, s.nodes["b"], "/"+id), planned(id), 0), id)
		}
	})
}

// TestAllLeave: when nobody is left to take a file it goes to its store; or an error names it.
func TestAllLeave(t *testing.T) {
	for _, c := range []struct {
		name, path string
		how        cachefs.WriteType
		down       bool
		lost       bool
	}{
		{"upload", "/m/f", cachefs.AsyncThrough, false, false},
		{"the store is down", "/m/f", cachefs.AsyncThrough, true, true},
		{"no store", "/f", cachefs.MustCache, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			overSeveral(t, 3, inMemory, func(s *several) {
				mend := s.failing()
				defer mend()
				require.NoError(s, writeFile(s.Context(), s.nodes["a"], c.path, planned("1"), cachefs.CreateOptions{WriteType: c.how}))
				s.settle()
				if !c.down {
					mend()
				}
				ctx, cancel := context.WithTimeout(s.Context(), 5*time.Minute)
				defer cancel()
				var all sync.WaitGroup
				errs := make([]error, 3)
				for i, id := range []string{"a", "b", "c"} {
					all.Go(func() { errs[i] = s.rig.Leave(ctx, id) })
				}
				all.Wait()
				err := errors.Join(errs...)
				if !c.lost {
					require.NoError(s, err)
					got := storeContent(s.T, s.ufs)["f"]
					require.Equal(s, string(planned("1")), got)
					return
				}
				require.ErrorIs(s, err, cachefs.ErrLost)
				require.ErrorContains(s, err, c.path)
				if c.down {
					require.ErrorContains(s, err, "down", "why it is not in its store")
				}
			})
		})
	}
}

// TestDisksKeepWhatAllLeave: nodes with disks end at the same moment, and have it all when they are back.
func TestDisksKeepWhatAllLeave(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/f", planned("1"), cachefs.CreateOptions{}))
		require.NoError(s, errors.Join(s.leave("a", "b", "c")...))
		var all sync.WaitGroup
		for _, id := range []string{"a", "b", "c"} {
			all.Go(func() {
				_, err := s.rig.Open(context.Background(), id, 0, s.config(id))
				require.NoError(s, err)
			})
		}
		all.Wait()
		s.settle()
		s.everywhere(func(n *cachefs.Node) {
			require.NoError(s, same(readAll(s.T, n, "/f"), planned("1"), 0), n.ID())
			require.Empty(s, cachefs.Leavers(n))
		})
	})
}

// stuck has a node leave that cannot go: only it has a file, and its store takes nothing. The others learn that it leaves.
func (s *several) stuck(id string) (release func()) {
	mend := s.failing()
	s.rig.FailCalls(func(from, _, method string) error {
		if from == id && method == "cachefs.hold" {
			return errors.New("nobody takes copies")
		}
		return nil
	})
	require.NoError(s, writeFile(s.Context(), s.nodes[id], "/m/stuck", planned("9"), cachefs.CreateOptions{WriteType: cachefs.AsyncThrough, ReplicasMin: 1}))
	ctx, cancel := context.WithTimeout(s.Context(), time.Hour)
	left := make(chan error, 1)
	n := s.nodes[id]
	go func() { left <- n.Shutdown(ctx) }()
	s.settle()
	s.everywhere(func(n *cachefs.Node) { require.Equal(s, []string{id}, cachefs.Leavers(n), n.ID()) })
	require.Empty(s, left, "it waits")
	return func() { mend(); s.rig.FailCalls(nil); cancel(); <-left }
}

// TestKilledWhileItLeaves: a node that is killed before it has handed on is taken for one that leaves no longer than until it is
// back, or has been gone for a while.
func TestKilledWhileItLeaves(t *testing.T) {
	for _, back := range []bool{true, false} {
		t.Run(fmt.Sprintf("it is back: %v", back), func(t *testing.T) {
			overSeveral(t, 3, inMemoryTiers, func(s *several) {
				id := s.others(s.rig.Primary().ID())[0]
				release := s.stuck(id)
				s.crash(id)
				s.rig.FailCalls(nil)
				if back {
					s.back(id)
				} else {
					time.Sleep(3 * time.Minute)
				}
				s.everywhere(func(n *cachefs.Node) { require.Empty(s, cachefs.Leavers(n), n.ID()) })
				if back {
					require.NoError(s, writeFile(s.Context(), s.nodes[id], "/g", planned("1"), cachefs.CreateOptions{ReplicasMin: 3}))
					require.Len(s, s.homes("/g"), 3, "it is one of them again")
				}
				release()
			})
		})
	}
}

// TestLeaverGetsNothingNew: while a node leaves, new files have other homes, and what is cold is brought by others.
func TestLeaverGetsNothingNew(t *testing.T) {
	overSeveral(t, 4, inMemoryTiers, func(s *several) {
		id := s.others(s.rig.Primary().ID())[0]
		writer := s.nodes[s.others(id)[0]]
		release := s.stuck(id)
		for i := range 8 {
			path := fmt.Sprint("/g", i)
			require.NoError(s, writeFile(s.Context(), writer, path, planned("1"), cachefs.CreateOptions{ReplicasMin: 4}))
			require.NotContains(s, s.homes(path), id)
			require.Len(s, s.homes(path), 3, "all that stay")
		}
		require.NotContains(s, s.rig.Calls(), writer.ID()+">"+id+" cachefs.hold")
		for i := range byte(16) {
			for _, n := range s.rig.Living() {
				owners := cachefs.OwnersOf(n, [20]byte{i}, 9)
				require.Len(s, owners, 3)
				require.NotContains(s, owners, id)
			}
		}
		release()
	})
}

// TestHomeThatHasJustDied is not relied on: the other one hands on, though nobody has noticed yet.
func TestHomeThatHasJustDied(t *testing.T) {
	overSeveral(t, 4, inMemory, func(s *several) {
		writer := s.others(s.rig.Primary().ID())[0]
		require.NoError(s, writeFile(s.Context(), s.nodes[writer], "/f", planned("1"), cachefs.CreateOptions{}))
		homes := s.homes("/f")
		s.crash(homes[1])
		require.NoError(s, errors.Join(s.leave(homes[0])...))
		s.everywhere(func(n *cachefs.Node) {
			require.NoError(s, same(readAll(s.T, n, "/f"), planned("1"), 0), n.ID())
		})
	})
}

// TestNoTimeToHandOn: an error says what Shutdown had no time to hand on.
func TestNoTimeToHandOn(t *testing.T) {
	overSeveral(t, 3, inMemory, func(s *several) {
		id := s.others(s.rig.Primary().ID())[0]
		n := s.nodes[id]
		require.NoError(s, writeFile(s.Context(), n, "/f", planned("1"), cachefs.CreateOptions{ReplicasMin: 1}))
		ctx, cancel := context.WithCancel(s.Context())
		cancel()
		err := n.Shutdown(ctx)
		require.ErrorIs(s, err, cachefs.ErrLost)
		require.ErrorIs(s, err, context.Canceled)
		require.ErrorContains(s, err, "/f")
		require.ErrorIs(s, n.Close(), cachefs.ErrLost)
	})
}

// TestHomeLeavesBeforeClose: a node takes copies and says that it leaves before the file is complete, which the writer's node
// does not know yet. It is no home, and another one is found before Close returns.
func TestHomeLeavesBeforeClose(t *testing.T) {
	overSeveral(t, 5, nil, func(s *several) {
		primary := s.rig.Primary()
		writer := s.nodes[s.others(primary.ID())[0]]
		w, err := writer.Create(s.Context(), "/f", nil)
		require.NoError(s, err)
		_, err = w.Write(planned("1"))
		require.NoError(s, err)
		s.settle()
		for _, id := range s.others(writer.ID()) {
			s.rig.CutJournals(id, writer.ID())
		}
		s.rig.Calls()
		closed := make(chan error, 1)
		go func() { closed <- w.Close() }()
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		var leaves string
		calls := s.rig.Calls()
		for _, id := range s.others(writer.ID()) {
			if slices.Contains(calls, writer.ID()+">"+id+" cachefs.hold") {
				leaves = id
			}
		}
		require.NotEmpty(s, leaves)
		require.NoError(s, cachefs.SayLeaving(s.Context(), primary, leaves))
		s.rig.Heal()
		require.NoError(s, <-closed)
		homes, err := cachefs.Homes(writer, "/f")
		require.NoError(s, err)
		require.Len(s, homes, 2)
		require.NotContains(s, homes, leaves)
		for _, id := range homes {
			require.True(s, cachefs.HoldsAll(s.nodes[id], "/f"), id)
		}
	})
}

// TestDiskKeepsWhatAnotherTakes: a node that could tell nobody that it leaves says nothing of loss where its own disk has the file that
// another one takes.
func TestDiskKeepsWhatAnotherTakes(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		id := s.others(s.rig.Primary().ID())[0]
		require.NoError(s, writeFile(s.Context(), s.nodes[id], "/f", planned("1"), cachefs.CreateOptions{ReplicasMin: 1}))
		require.Equal(s, []string{id}, s.homes("/f"))
		s.rig.CutJournals(id, s.rig.Primary().ID()) // the third one is there to take it
		ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
		defer cancel()
		left := s.leaving(ctx, id)
		time.Sleep(10 * time.Second) // it tries to tell for three
		require.Empty(s, left, "it waits to name the new home")
		s.rig.Heal()
		require.NoError(s, <-left)
		require.Len(s, s.homes("/f"), 2)
	})
}

// TestOlderNodeIsNamedOnce: a node that leaves for long, and may not say so while an older one is there, warns of that once.
func TestOlderNodeIsNamedOnce(t *testing.T) {
	var warned warnings
	overSeveral(t, 3, func(id string, cfg *cachefs.Config) {
		inMemoryTiers(id, cfg)
		if id == "a" {
			cfg.Logger = slog.New(slog.NewTextHandler(&warned, nil))
		}
	}, func(s *several) {
		mend := s.failing()
		s.rig.FailCalls(func(_, _, method string) error {
			if method == "cachefs.hold" {
				return errors.New("nobody takes copies")
			}
			return nil
		})
		require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/m/f", planned("1"), cachefs.CreateOptions{WriteType: cachefs.AsyncThrough, ReplicasMin: 1}))
		s.rig.Older("old")
		left := s.leaving(s.Context(), "a")
		s.settle()
		require.Empty(s, left, "it waits for its upload")
		mend()
		require.NoError(s, <-left)
		require.EqualValues(s, 1, warned.Load())
	})
}

// warnings counts the lines of a log that warn of an older node; a node's goroutines may write until it has closed.
type warnings struct{ atomic.Int64 }

func (w *warnings) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("may be taken for one that stays")) {
		w.Add(1)
	}
	return len(line), nil
}

// leaving has a node begin to leave.
func (s *several) leaving(ctx context.Context, id string) <-chan error {
	left := make(chan error, 1)
	go func() { left <- s.rig.Leave(ctx, id) }()
	return left
}

// TestLeaveOverSlowLinks: nodes of a real mesh, whose links have latencies of all kinds, end at almost the same moment, and
// those that stay have every file. Where nobody stays, somebody says so.
func TestLeaveOverSlowLinks(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) { leaveOverSlowLinks(t, rand.New(rand.NewPCG(seed, 5))) })
		})
	}
}

func leaveOverSlowLinks(t *testing.T, rng *rand.Rand) {
	c := cachefstest.New(t, 4, func(cfg *cachefs.Config) { inMemory("", cfg) })
	upTo := func(most time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(most))) }
	for i := range c.Nodes {
		for k := range i {
			c.SetLink(i, k, cachefstest.Link{Latency: upTo(30 * time.Millisecond), Jitter: upTo(30 * time.Millisecond)})
		}
	}
	var paths []string
	for i, n := range c.Nodes {
		path := fmt.Sprint("/f", i)
		require.NoError(t, writeFile(t.Context(), n, path, planned("1"), cachefs.CreateOptions{}))
		paths = append(paths, path)
	}
	leaving := rng.Perm(len(c.Nodes))[:2+rng.IntN(3)]
	errs := make([]error, len(leaving))
	var all sync.WaitGroup
	for k, i := range leaving {
		n, wait := c.Nodes[i], upTo(time.Duration(1+rng.IntN(100))*time.Millisecond)
		c.Nodes[i] = nil
		all.Go(func() {
			time.Sleep(wait)
			errs[k] = n.Close()
		})
	}
	all.Wait()
	err := errors.Join(errs...)
	if len(leaving) == len(c.Nodes) {
		require.ErrorIs(t, err, cachefs.ErrLost)
		return
	}
	require.NoError(t, err)
	time.Sleep(time.Minute)
	for _, n := range c.Nodes {
		for _, path := range paths {
			if n != nil {
				require.NoError(t, same(readAll(t, n, path), planned("1"), 0), "%s after %v have left", path, leaving)
			}
		}
	}
}
