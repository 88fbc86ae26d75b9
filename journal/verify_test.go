package journal_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
)

// watched is peers whose streams are counted, and late.
type watched struct {
	journal.Peers
	dials *sync.Map // id to *atomic.Int64
	late  *atomic.Int64
}

func (w watched) Dial(ctx context.Context, id string) (net.Conn, error) {
	n, _ := w.dials.LoadOrStore(id, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
	conn, err := w.Peers.Dial(ctx, id)
	if err != nil {
		return nil, err
	}
	return lateConn{conn, w.late}, nil
}

// lateConn is a stream whose bytes are on their way for a while.
type lateConn struct {
	net.Conn
	late *atomic.Int64
}

func (c lateConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	time.Sleep(time.Duration(c.late.Load()))
	return n, err
}

func watchedGroup(t *testing.T, g *group) (dials *sync.Map, late *atomic.Int64) {
	dials, late = new(sync.Map), new(atomic.Int64)
	for _, id := range []string{"a", "b", "c"} {
		cfg := g.config(id)
		cfg.Peers = watched{cfg.Peers, dials, late}
		_, err := g.tryOpen(cfg, time.Minute)
		require.NoError(t, err)
	}
	time.Sleep(5 * time.Second)
	return dials, late
}

// TestReadersAskADeadVoterOnce: whatever the number of readers, a voter that does not answer is asked by one of them at a time.
func TestReadersAskADeadVoterOnce(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		dials, _ := watchedGroup(t, g)
		p := g.primary()
		dead := others(g.ids(), p.id)[0]
		g.crash(dead)
		n, _ := dials.LoadOrStore(dead, new(atomic.Int64))
		before := n.(*atomic.Int64).Load()
		var readers sync.WaitGroup
		for range 50 {
			readers.Go(func() {
				for range 100 {
					if err := p.Barrier(t.Context()); err != nil {
						t.Error(err)
						return
					}
					time.Sleep(2 * time.Millisecond)
				}
			})
		}
		readers.Wait()
		// In 0.2 s: one heartbeat, and raft's own two streams, that try every 50 ms.
		require.LessOrEqual(t, n.(*atomic.Int64).Load()-before, int64(30), "5,000 barriers")
	})
}

// TestReaderIsNotServedByAnEarlierQuestion: the voters' answers say that the node led when they were asked, not that it does when they
// arrive.
func TestReaderIsNotServedByAnEarlierQuestion(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		_, late := watchedGroup(t, g)
		p := g.primary()
		late.Store(int64(200 * time.Millisecond))
		first := make(chan error, 1)
		go func() { first <- p.Barrier(t.Context()) }()
		time.Sleep(50 * time.Millisecond)
		g.net.Partition([]string{p.id}, others(g.ids(), p.id)) // what the voters have answered is on its way
		time.Sleep(10 * time.Millisecond)
		require.Error(t, p.Barrier(deadline(t, 250*time.Millisecond)), "asked after the cut")
		require.NoError(t, <-first, "asked before it")
		late.Store(0)
	})
}

// TestBarriersWriteNothing: a consistent read asks how far the primary is, wherever it begins; no log grows by it.
func TestBarriersWriteNothing(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c", "d")
		g.primary().add("k")
		time.Sleep(time.Second)
		roles := map[journal.Role]*node{}
		logs := func() (last map[string]uint64) {
			last = map[string]uint64{}
			rs, err := g.primary().Replicas(t.Context())
			require.NoError(t, err)
			for _, r := range rs {
				last[r.ID], roles[r.Role] = r.RaftIndex, g.nodes[r.ID]
			}
			return last
		}
		before := logs()
		for _, role := range []journal.Role{journal.RolePrimary, journal.RoleVoter, journal.RoleLearner} {
			for range 1000 {
				require.NoError(t, roles[role].Barrier(t.Context()))
			}
		}
		time.Sleep(time.Second)
		require.Equal(t, before, logs(), "the last entry of each node's log")
		g.primary().add("k")
		time.Sleep(time.Second)
		for id, last := range logs() {
			require.Greater(t, last, before[id], "a change is an entry")
		}
	})
}
