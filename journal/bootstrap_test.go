package journal_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/journal/internal/wire"
	"github.com/millpond/millpond/journal/journaltest"
)

// together opens nodes at the same time, each with its own delay, and returns how long each Open took.
func (g *group) together(delays map[string]time.Duration, change func(*journal.Config)) map[string]time.Duration {
	g.t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	took := map[string]time.Duration{}
	for id, d := range delays {
		all.Go(func() {
			time.Sleep(d)
			mu.Lock()
			cfg := g.config(id)
			mu.Unlock()
			change(&cfg)
			began := time.Now()
			r := newRegister()
			j, err := journal.Open(g.t.Context(), cfg, r)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				g.t.Errorf("%s: %v", id, err)
				return
			}
			took[id] = time.Since(began)
			g.nodes[id] = &node{Journal: j, t: g.t, id: id, reg: r, session: j.Session()}
		})
	}
	all.Wait()
	return took
}

func TestFreshNodesMakeOneJournal(t *testing.T) {
	for seed := range 20 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			mesh(t, func(t *testing.T, g *group) {
				delays := map[string]time.Duration{}
				for i := range 2 + seed%4 {
					delays[fmt.Sprintf("n%d", i)] = time.Duration((i*seed*397)%2900) * time.Millisecond
				}
				g.together(delays, func(*journal.Config) {})
				for _, id := range g.ids() {
					g.nodes[id].add("k")
				}
				g.same("k", len(delays))
			})
		})
	}
}

func TestBootstrapWaits(t *testing.T) {
	at := func(ids ...string) map[string]time.Duration {
		m := map[string]time.Duration{}
		for _, id := range ids {
			m[id] = 0
		}
		return m
	}
	for name, c := range map[string]struct {
		nodes    map[string]time.Duration
		change   func(*journal.Config)
		min, max time.Duration
	}{
		"found alone at once":        {at("a"), func(c *journal.Config) { c.JoinSource = false }, 0, 0},
		"found alone after the wait": {at("a"), func(*journal.Config) {}, 3 * time.Second, 3*time.Second + 10*time.Millisecond},
		"as many as are expected":    {at("a", "b", "c"), func(c *journal.Config) { c.Expect = 3 }, 0, time.Second},
		"fewer than are expected":    {at("a", "b"), func(c *journal.Config) { c.Expect = 3 }, 3 * time.Second, 4 * time.Second},
		"a wait of its own": {at("a"), func(c *journal.Config) { c.BootstrapWait = time.Second }, time.Second,
			time.Second + 10*time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			mesh(t, func(t *testing.T, g *group) {
				for id, took := range g.together(c.nodes, c.change) {
					require.GreaterOrEqual(t, took, c.min, id)
					require.LessOrEqual(t, took, c.max, id)
				}
				require.Equal(t, "a", g.primary().id, "the lowest id begins it")
			})
		})
	}
}

func TestMemberNeverBeginsAnother(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b")
		g.nodes["b"].add("k")
		require.NoError(t, g.nodes["b"].Checkpoint(t.Context()))
		g.crash("b")
		g.crash("a")
		g.disks["a"] = nil // for good: a was the only voter
		b := g.open("b")   // it opens, and can be read
		require.Equal(t, 1, b.reg.get("k"))
		require.Empty(t, b.PrimaryID())
		require.ErrorIs(t, b.tryAdd("k", time.Minute), journal.ErrNoPrimary)
	})
}

// mute are peers that one does not get to tell that one is in that state.
type mute struct {
	journal.Peers
	state wire.NodeState
}

func (m mute) Announce(meta []byte) error {
	if is, err := wire.ParseMeta(meta); err != nil || is.State == m.state {
		return errors.Join(err, errors.New("mute"))
	}
	return m.Peers.Announce(meta)
}

// A node that ends between choosing a journal's name and its first entry, or before it has told of that, begins it when it is back.
func TestFounderThatEndsEarlyGoesOn(t *testing.T) {
	for _, s := range []wire.NodeState{wire.Founding, wire.Member} {
		mesh(t, func(t *testing.T, g *group) {
			cfg := g.config("a")
			cfg.Peers = mute{cfg.Peers, s}
			_, err := g.tryOpen(cfg, time.Minute)
			require.ErrorContains(t, err, "mute")
			g.net.Crash("a")
			g.grow("a", "b")
			g.nodes["b"].add("k")
			g.same("k", 1)
		})
	}
}

// late are peers whose announcements arrive at a time.
type late struct {
	journal.Peers
	at time.Time
}

func (l late) Members() []journal.Member {
	all := l.Peers.Members()
	for i := range all {
		if time.Now().Before(l.at) {
			all[i].Meta = nil
		}
	}
	return all
}

// silent is a node that lives, and answers nothing.
type silent struct{}

func (silent) ServeStream(_ string, conn net.Conn) { _ = conn.Close() }

func (silent) ServeCall(ctx context.Context, _ string, _ []byte) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestSilentNodeHidesNoFounder(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.open("c")
		g.net.Peer("b", journaltest.Options{}).Serve(silent{})
		cfg := g.config("a")
		cfg.Peers = late{cfg.Peers, time.Now().Add(5 * time.Second)}
		a, err := g.tryOpen(cfg, time.Minute)
		require.NoError(t, err)
		require.Equal(t, "c", a.PrimaryID())
	})
}

func TestHistoriesAreNotMerged(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		told := make(chan *journal.ClusterError, 16)
		g.net.Partition([]string{"a"}, []string{"b"})
		for _, id := range []string{"a", "b"} {
			cfg := g.config(id)
			cfg.Events.Conflict = func(err *journal.ClusterError) { told <- err }
			n, err := g.tryOpen(cfg, time.Minute)
			require.NoError(t, err)
			n.add(id)
		}
		g.net.Heal()
		time.Sleep(5 * time.Second)
		require.NotEmpty(t, told)
		for range len(told) {
			err := <-told
			require.NotEqual(t, err.Ours, err.Theirs)
			require.ErrorContains(t, err, err.Ours.String())
			require.ErrorContains(t, err, err.Theirs.String())
		}
		for _, id := range g.ids() { // each goes on with its own
			g.nodes[id].add(id)
			require.Equal(t, map[string]int{id: 2}, g.nodes[id].reg.all())
		}
		// One that has neither does not choose.
		_, err := g.tryOpen(g.config("c"), time.Minute)
		var both *journal.ClusterError
		require.ErrorAs(t, err, &both)
		require.NotEqual(t, both.Ours, both.Theirs)
	})
}

func TestJournalBegunAloneGetsPeers(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		alone := g.config("a")
		g.net.Crash("a")
		alone.Peers, alone.JoinSource = nil, false
		j, err := journal.Open(t.Context(), alone, newRegister())
		require.NoError(t, err)
		_, _, err = j.Propose(t.Context(), journal.OpID{}, []byte("add k"))
		require.NoError(t, err)
		require.NoError(t, j.Close(t.Context()))
		g.grow("a", "b", "c")
		g.same("k", 1)
		g.crash("a")
		g.nodes["b"].add("k")
		g.same("k", 2)
	})
}

func TestNodeInMemoryComesBackEmpty(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		memory := func(id string) *node {
			n, err := g.tryOpen(journal.Config{NodeID: id, JoinSource: true, Peers: g.net.Peer(id, journaltest.Options{})}, time.Minute)
			require.NoError(t, err)
			return n
		}
		for _, id := range []string{"a", "b", "c"} {
			memory(id).add("k")
		}
		time.Sleep(5 * time.Second)
		lost := 0          // votes, which they soon have again
		for i := range 6 { // each one loses all that it had, and one that leads too
			id := []string{"a", "b", "c"}[i%3]
			g.net.Crash(id)
			n := g.nodes[id]
			delete(g.nodes, id)
			n.drop()
			n = memory(id)
			if !g.votes(id) {
				lost++
			}
			n.add("k")
			time.Sleep(5 * time.Second)
		}
		require.Positive(t, lost, "they have forgotten what they voted for")
		g.same("k", 9)
		require.NoError(t, g.primary().Barrier(context.Background()))
	})
}

// votes reports whether a node has a vote in the eyes of the primary.
func (g *group) votes(id string) bool {
	g.t.Helper()
	all, err := g.primary().Replicas(context.Background())
	require.NoError(g.t, err)
	return slices.ContainsFunc(all, func(r journal.Replica) bool { return r.ID == id && r.Role == journal.RoleVoter })
}
