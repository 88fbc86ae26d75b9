package cachefs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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

// leaveSoon ends a node within half a minute, and returns what it says.
func (s *several) leaveSoon(id string) error {
	ctx, cancel := context.WithTimeout(s.Context(), 30*time.Second)
	defer cancel()
	delete(s.nodes, id)
	return s.rig.Leave(ctx, id)
}

// finish writes the rest of a file from a byte on, and checks it everywhere.
func (s *several) finish(w *cachefs.Writer, want []byte, from int) {
	s.Helper()
	_, err := w.Write(want[from:])
	require.NoError(s, err)
	require.NoError(s, w.Close())
	s.everywhere(func(n *cachefs.Node) { require.NoError(s, same(readAll(s.T, n, w.Name()), want, 0), n.ID()) })
}

// TestHostLeavesWhileWritten: the node that took what its writer had no room for leaves in the middle of the writing, while the writer is
// idle. Its Shutdown returns when another has all of it, or the store.
func TestHostLeavesWhileWritten(t *testing.T) {
	memory := func(_ string, cfg *cachefs.Config) { cfg.Tiers = cfg.Tiers[:1] }
	for name, c := range map[string]struct {
		path  string
		how   cachefs.WriteType
		full  []string // nodes without room, besides the writer's
		adapt func(string, *cachefs.Config)
	}{
		"another node takes it":               {path: "/f", how: cachefs.MustCache, adapt: memory},
		"another, whatever a disk has":        {path: "/f", how: cachefs.MustCache},
		"another, until it is saved":          {path: "/m/f", how: cachefs.AsyncThrough, adapt: memory},
		"the one that has room":               {path: "/f", how: cachefs.MustCache, full: []string{"c"}, adapt: memory},
		"the store takes it":                  {path: "/m/f", how: cachefs.AsyncThrough, full: []string{"c", "d"}, adapt: memory},
		"the store, whatever a disk here has": {path: "/m/f", how: cachefs.AsyncThrough, full: []string{"c", "d"}},
	} {
		t.Run(name, func(t *testing.T) {
			adapt := func(id string, cfg *cachefs.Config) {
				if c.adapt != nil {
					c.adapt(id, cfg)
				}
				tiny(false, append(c.full, "a")...)(id, cfg)
			}
			overSeveral(t, 4, adapt, func(s *several) {
				s.stuff(c.full...)
				want, half := randomBytes(20*64<<10+1000), 10*64<<10+500
				w, host := s.spilledTo(c.path, want[:half], c.how)
				published := s.publications()
				began := time.Now()
				require.NoError(s, s.leaveSoon(host))
				require.Less(s, time.Since(began), 10*time.Second)
				s.settle()
				s.finish(w, want, half)
				require.NotContains(s, s.homes(c.path), host)
				time.Sleep(time.Minute)
				if c.how == cachefs.AsyncThrough {
					require.Equal(s, cachefs.Persisted, s.state(c.path))
					require.Equal(s, []string{"f"}, published())
					s.requireStored("f", want)
				}
				require.Zero(s, heldBlocks(s.nodes["a"]))
			})
		})
	}
}

// TestHostLeavesWithTheOnlyCopy: nobody else has room for what a node took. It says so when it leaves, and does not wait for what will
// not come; the writer's error names it.
func TestHostLeavesWithTheOnlyCopy(t *testing.T) {
	for name, nodes := range map[string]int{"others are full": 3, "there are no others": 2} {
		t.Run(name, func(t *testing.T) {
			adapt := func(id string, cfg *cachefs.Config) {
				cfg.Tiers = cfg.Tiers[:1]
				tiny(false, "a", "c")(id, cfg)
			}
			overSeveral(t, nodes, adapt, func(s *several) {
				if nodes == 3 {
					s.stuff("c")
				}
				want := randomBytes(10 * 64 << 10)
				w, host := s.spilledTo("/f", want, cachefs.MustCache)
				began := time.Now()
				err := s.leaveSoon(host)
				require.ErrorIs(s, err, cachefs.ErrLost)
				require.ErrorContains(s, err, "/f")
				require.Less(s, time.Since(began), 10*time.Second)
				_, err = w.Write(want)
				require.ErrorContains(s, err, "to "+host)
				require.ErrorContains(s, w.Close(), "to "+host)
				s.requireNone("/f")
			})
		})
	}
}

// TestHostLeavesForAStoreThatIsDown: only the store has room for what a node took, and does not answer for a while. The node waits.
func TestHostLeavesForAStoreThatIsDown(t *testing.T) {
	overSeveral(t, 3, tiny(false, "a", "c"), func(s *several) {
		s.stuff("c")
		want, half := randomBytes(20*64<<10+1000), 10*64<<10
		w, host := s.spilledTo("/m/f", want[:half], cachefs.AsyncThrough)
		began := time.Now()
		s.store.OnCall(func(op, _ string) error {
			if op == "create" && time.Since(began) < 10*time.Second {
				return errors.New("down")
			}
			return nil
		})
		require.NoError(s, s.leaveSoon(host))
		require.GreaterOrEqual(s, time.Since(began), 10*time.Second)
		s.finish(w, want, half)
		require.Equal(s, cachefs.Persisted, s.state("/m/f"))
		s.requireStored("f", want)
	})
}

// TestHostLeavesTooSoon: a node that leaves has no time to wait for the store that would take what it took. It says what ends with it.
func TestHostLeavesTooSoon(t *testing.T) {
	adapt := func(id string, cfg *cachefs.Config) { cfg.Tiers = cfg.Tiers[:1]; tiny(false, "a", "c")(id, cfg) }
	overSeveral(t, 3, adapt, func(s *several) {
		s.stuff("c")
		w, host := s.spilledTo("/m/f", randomBytes(10*64<<10), cachefs.AsyncThrough)
		s.store.OnCall(func(op, _ string) error {
			if op == "create" {
				return errors.New("down")
			}
			return nil
		})
		err := s.leaveSoon(host)
		require.ErrorIs(s, err, cachefs.ErrLost)
		require.ErrorIs(s, err, context.DeadlineExceeded)
		require.ErrorContains(s, err, "/m/f")
		s.store.OnCall(nil)
		require.ErrorContains(s, w.Close(), host)
		time.Sleep(time.Minute) // the store is left in peace for a while
		s.requireNone("/m/f")
	})
}

// TestHostLeavesUnread: the store would take what a node took that leaves, and its blocks do not arrive. The writer ends then: nothing
// is published of what was sent so far.
func TestHostLeavesUnread(t *testing.T) {
	overSeveral(t, 3, tiny(false, "a", "c"), func(s *several) {
		s.stuff("c")
		published := s.publications()
		want := randomBytes(10 * 64 << 10)
		w, host := s.spilledTo("/m/f", want, cachefs.AsyncThrough)
		s.rig.FailCalls(func(from, to, method string) error {
			if from == "a" && to == host && method == "read" {
				return errors.New("unread")
			}
			return nil
		})
		require.NoError(s, s.leaveSoon(host))
		_, err := w.Write(want)
		require.ErrorContains(s, err, "is on node "+host+" alone")
		require.Error(s, w.Close())
		s.requireNone("/m/f")
		require.Empty(s, published())
	})
}

// TestHostLeavesBesideAWaitingWriter: a writer whose blocks a node took waits for its user's Reader for longer than that node has to leave.
// Complete files of the node are handed on all the same.
func TestHostLeavesBesideAWaitingWriter(t *testing.T) {
	adapt := func(id string, cfg *cachefs.Config) { cfg.Tiers = cfg.Tiers[:1]; tiny(false, "a")(id, cfg) }
	overSeveral(t, 3, adapt, func(s *several) {
		w, host := s.spilledTo("/f", randomBytes(10*64<<10), cachefs.MustCache)
		want := randomBytes(3*64<<10 + 100)
		require.NoError(s, writeFile(s.Context(), s.nodes[host], "/g", want, cachefs.CreateOptions{ReplicasMin: 1}))
		require.Equal(s, []string{host}, s.homes("/g"))
		user, more := io.Pipe()
		read := make(chan error, 1)
		go func() {
			_, err := w.ReadFrom(user)
			read <- err
		}()
		synctest.Wait()
		require.ErrorContains(s, s.leaveSoon(host), "/f")
		s.everywhere(func(n *cachefs.Node) { require.NoError(s, same(readAll(s.T, n, "/g"), want, 0), n.ID()) })
		require.NoError(s, more.Close())
		require.NoError(s, <-read)
		require.ErrorContains(s, w.Close(), host)
	})
}

// TestHostOnDiskComesBack: nobody else has room for what a node took; it leaves with the blocks on its disk, and says so. The writer goes
// on when it is back.
func TestHostOnDiskComesBack(t *testing.T) {
	overSeveral(t, 3, tiny(false, "a", "c"), func(s *several) {
		s.stuff("c")
		want := randomBytes(20*64<<10 + 1000)
		w, host := s.spilledTo("/f", want[:10*64<<10], cachefs.MustCache)
		err := s.leaveSoon(host)
		require.ErrorIs(s, err, cachefs.ErrNoSpace)
		require.NotErrorIs(s, err, cachefs.ErrLost)
		s.settle()
		s.back(host)
		s.settle()
		s.finish(w, want, 10*64<<10)
		require.Equal(s, []string{host}, s.homes("/f"))
	})
}

// endSlowly has a look at the store, which a node that ends waits for, take so long on each node.
func (s *several) endSlowly(d time.Duration) {
	looked := make(chan struct{})
	time.AfterFunc(d, func() { close(looked) })
	s.store.OnCall(func(_, key string) error {
		if key == "slow" {
			<-looked
		}
		return nil
	})
	for _, n := range s.rig.Living() {
		go func() { _, _ = n.Stat(s.Context(), "/m/slow", nil) }()
	}
	synctest.Wait()
}

// TestHostRestartsAndLeaves: a node that took blocks and started again over its disk hands them on as well.
func TestHostRestartsAndLeaves(t *testing.T) {
	overSeveral(t, 4, tiny(false, "a"), func(s *several) {
		want, half := randomBytes(20*64<<10+1000), 10*64<<10
		w, host := s.spilledTo("/f", want[:half], cachefs.MustCache)
		s.crash(host)
		s.settle()
		s.back(host)
		require.NoError(s, s.leaveSoon(host))
		s.settle()
		s.finish(w, want, half)
	})
}

// TestHostLeavesWhileItTakes: a node begins to leave while it takes the first block of a file, which it has not said that it has.
func TestHostLeavesWhileItTakes(t *testing.T) {
	for name, moment := range map[string]string{"while it reads": "read", "when it has answered": "answer"} {
		t.Run(name, func(t *testing.T) {
			overSeveral(t, 4, func(id string, cfg *cachefs.Config) { cfg.Tiers = cfg.Tiers[:1]; tiny(false, "a")(id, cfg) }, func(s *several) {
				s.endSlowly(2 * time.Second)
				var first atomic.Bool
				var reads atomic.Int32
				leaves := make(chan string, 1) // has room: who sends may hold the rig's lock
				left := make(chan error, 1)
				go func() { left <- s.leaveSoon(<-leaves) }()
				s.rig.FailCalls(func(from, to, method string) error {
					if moment != "read" || method != "read" || to != "a" || reads.Add(1) >= 5 {
						return nil
					}
					if first.CompareAndSwap(false, true) {
						leaves <- from
					}
					return errors.New("it is asked again soon")
				})
				s.rig.AfterCalls(func(_, to, method string) {
					if moment == "answer" && method == "cachefs.hold" && first.CompareAndSwap(false, true) {
						leaves <- to
						synctest.Wait() // until it has asked the writer
					}
				})
				want := randomBytes(20*64<<10 + 1000)
				require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/f", want, cachefs.CreateOptions{ReplicasMin: 1}))
				require.NoError(s, <-left)
				require.True(s, first.Load())
				s.settle()
				for _, n := range s.rig.Living() {
					require.NoError(s, same(readAll(s.T, n, "/f"), want, 0), n.ID())
				}
			})
		})
	}
}

// TestHostIsFull: a node that has taken blocks of a full one's file, and has no room for the next, gives its place to one that has.
func TestHostIsFull(t *testing.T) {
	overSeveral(t, 3, tiny(false, "a", "b"), func(s *several) {
		want := randomBytes(20*64<<10 + 1000)
		s.rig.Calls()
		for k := range 6 { // whichever the ring has for them
			path := fmt.Sprint("/f", k)
			require.NoError(s, writeFile(s.Context(), s.nodes["a"], path, want, cachefs.CreateOptions{ReplicasMin: 1}), path)
			require.Equal(s, []string{"c"}, s.homes(path))
			s.everywhere(func(n *cachefs.Node) { require.NoError(s, same(readAll(s.T, n, path), want, 0), n.ID()) })
		}
		require.Contains(s, s.rig.Calls(), "a>b cachefs.hold")
		require.Zero(s, heldBlocks(s.nodes["b"]))
	})
}

// TestHostOutOfReach: a host that its writer does not reach any more, and others do, gives its place to one of those.
func TestHostOutOfReach(t *testing.T) {
	overSeveral(t, 3, tiny(false, "a"), func(s *several) {
		want, half := randomBytes(20*64<<10+1000), 10*64<<10
		w, host := s.spilledTo("/f", want[:half], cachefs.MustCache)
		s.rig.FailCalls(func(from, to, _ string) error {
			if from == "a" && to == host {
				return errors.New("cut off")
			}
			return nil
		})
		_, err := w.Write(want[half:])
		require.NoError(s, err)
		require.NoError(s, w.Close())
		s.rig.FailCalls(nil)
		require.NotContains(s, s.homes("/f"), host)
		s.everywhere(func(n *cachefs.Node) { require.NoError(s, same(readAll(s.T, n, "/f"), want, 0), n.ID()) })
		time.Sleep(patrol)
		require.Zero(s, heldBlocks(s.nodes[host]), "it finds out by itself")
	})
}

// TestHostCrashesWhileWritten: bytes that only a node had that has gone cannot be had again; the error names it.
func TestHostCrashesWhileWritten(t *testing.T) {
	for path, how := range map[string]cachefs.WriteType{"/f": cachefs.MustCache, "/m/f": cachefs.AsyncThrough} {
		t.Run(path, func(t *testing.T) {
			overSeveral(t, 4, tiny(false, "a"), func(s *several) {
				published := s.publications()
				want := randomBytes(20 * 64 << 10)
				w, host := s.spilledTo(path, want, how)
				s.crash(host)
				_, err := w.Write(want)
				require.ErrorContains(s, err, "to "+host)
				require.NotErrorIs(s, err, cachefs.ErrNoSpace)
				if how == cachefs.AsyncThrough {
					require.ErrorContains(s, err, "is on node "+host+" alone")
				}
				require.Error(s, w.Close())
				s.requireNone(path)
				require.Empty(s, published())
			})
		})
	}
}

// TestSpilledFileIsRemoved: a file that is removed while another node takes its blocks is not its writer's any more, and goes nowhere
// else, also where the writer's node has not heard of it.
func TestSpilledFileIsRemoved(t *testing.T) {
	for path, how := range map[string]cachefs.WriteType{"/f": cachefs.MustCache, "/m/f": cachefs.AsyncThrough} {
		for _, heard := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v, heard of: %v", how, heard), func(t *testing.T) {
				overSeveral(t, 3, tiny(false, "a"), func(s *several) {
					want := randomBytes(20 * 64 << 10)
					w, host := s.spilledTo(path, want, how)
					if !heard {
						for _, id := range s.others("a") {
							s.rig.CutJournals("a", id)
						}
					}
					err := s.nodes[host].Remove(s.Context(), path, nil)
					if heard || !errors.Is(err, cachefs.ErrNotExist) { // the next primary ends what a node writes that is cut off, perhaps sooner
						require.NoError(s, err)
					}
					s.rig.Calls()
					time.AfterFunc(5*time.Second, s.rig.Heal) // a Writer that fails waits for its primary
					_, err = w.Write(want)
					require.ErrorIs(s, err, cachefs.ErrLeaseLost)
					holds := slices.DeleteFunc(s.rig.Calls(), func(c string) bool { return !strings.HasSuffix(c, " cachefs.hold") })
					require.LessOrEqual(s, len(holds), 1)
					require.NoError(s, w.Abort())
					s.settle()
					s.everywhere(func(n *cachefs.Node) { require.Empty(s, cachefs.Blocks(n), n.ID()) })
				})
			})
		}
	}
}

// TestHostsLeaveOneAfterAnother: over a real mesh, each node that takes a full one's blocks leaves while the file is written.
func TestHostsLeaveOneAfterAnother(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 4, func(cfg *cachefs.Config) {
			cfg.BlockSize = 64 << 10
			cfg.Tiers = []tier.Config{{Kind: tier.Memory, Size: 8 << 20}}
			if cfg.Mesh.Bind == "10.0.0.1:7946" {
				cfg.Tiers[0].Size = 256 << 10
			}
		})
		time.Sleep(settled)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		want := randomBytes(40*64<<10 + 1000)
		w, err := c.Nodes[0].Create(ctx, "/f", &cachefs.CreateOptions{ReplicasMin: 1})
		require.NoError(t, err)
		at := 0
		for _, i := range []int{1, 2} {
			m, err := w.Write(want[at : at+10*64<<10+300])
			require.NoError(t, err)
			at += m
			stopped := make(chan struct{})
			go func() { defer close(stopped); c.Stop(i) }()
			for range 5 {
				m, err := w.Write(want[at : at+64<<10])
				require.NoError(t, err)
				at += m
				time.Sleep(20 * time.Millisecond)
			}
			<-stopped
		}
		_, err = w.Write(want[at:])
		require.NoError(t, err)
		require.NoError(t, w.Close())
		for _, i := range []int{0, 3} {
			require.NoError(t, same(readAll(t, c.Nodes[i], "/f"), want, 0), "node %d", i)
		}
		time.Sleep(settled)
	})
}
