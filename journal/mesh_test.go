package journal_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/journal/journaltest"
)

// group is the journals of one mesh in memory.
type group struct {
	t     *testing.T
	net   *journaltest.Network
	nodes map[string]*node
}

type node struct {
	*journal.Journal
	t   *testing.T
	id  string
	reg *register
}

func newGroup(t *testing.T) *group {
	return &group{t: t, net: journaltest.New(time.Second), nodes: map[string]*node{}}
}

func (g *group) config(id string) journal.Config {
	cfg := journal.Config{NodeID: id, JoinSource: true, Peers: g.net.Peer(id, journaltest.Options{})}
	if os.Getenv("JOURNAL_LOG") != "" {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", id)
	}
	return cfg
}

func (g *group) open(id string) *node {
	g.t.Helper()
	return g.openWith(g.config(id))
}

func (g *group) openWith(cfg journal.Config) *node {
	g.t.Helper()
	r := newRegister()
	ctx, cancel := context.WithTimeout(g.t.Context(), 30*time.Second)
	defer cancel()
	j, err := journal.Open(ctx, cfg, r)
	require.NoError(g.t, err)
	n := &node{Journal: j, t: g.t, id: cfg.NodeID, reg: r}
	g.nodes[n.id] = n
	return n
}

// three opens nodes a, b and c, and waits until all vote.
func (g *group) three() {
	g.t.Helper()
	for _, id := range []string{"a", "b", "c"} {
		g.open(id)
	}
	time.Sleep(5 * time.Second)
}

// crash takes a node off the network as a kill would.
func (g *group) crash(id string) {
	g.t.Helper()
	g.net.Crash(id)
	n := g.nodes[id]
	delete(g.nodes, id)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_ = n.Close(gone)
	_ = n.Close(context.Background())
}

func (g *group) close() {
	for id, n := range g.nodes {
		g.net.Crash(id)
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		_ = n.Close(gone)
	}
	for _, n := range g.nodes {
		_ = n.Close(context.Background())
	}
}

func (g *group) primary() *node {
	g.t.Helper()
	for range 100 {
		for _, n := range g.nodes {
			if n.Primary() {
				return n
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	g.t.Fatal("nobody leads")
	return nil
}

func (n *node) add(key string) {
	t := n.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	op := n.Session().Next()
	_, index, err := n.Propose(ctx, op, []byte("add "+key))
	require.NoError(t, err)
	require.GreaterOrEqual(t, n.Index(), index, "its own change is visible")
}

func mesh(t *testing.T, f func(t *testing.T, g *group)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t)
		defer g.close()
		f(t, g)
	})
}

func TestThreeReplicateAndSurviveKilledPrimary(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.three()
		for i, id := range []string{"a", "b", "c"} {
			for range 3 {
				g.nodes[id].add("k")
			}
			require.Equal(t, 3*(i+1), g.nodes[id].reg.get("k"), "on %s", id)
		}
		first := g.primary()
		g.crash(first.id)
		began := time.Now()
		for _, n := range g.nodes {
			n.add("k")
		}
		t.Logf("changes again after %v", time.Since(began))
		require.NotEqual(t, first.id, g.primary().id)
		time.Sleep(time.Second)
		for id, n := range g.nodes {
			require.Equal(t, 11, n.reg.get("k"), "on %s", id)
			require.Equal(t, g.primary().id, n.PrimaryID(), fmt.Sprint("on ", id))
		}
	})
}
