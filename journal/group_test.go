package journal_test

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/journal/journaltest"
)

// group is the journals of one mesh, in one process: network and disks are in memory.
type group struct {
	t     *testing.T
	net   *journaltest.Network
	disks map[string]*vfs.Mem
	nodes map[string]*node // those that run

	opened map[string]*node // that were opened, where a test needs them while they end
}

type node struct {
	*journal.Journal
	t       *testing.T
	id      string
	reg     *register
	session journal.Session
}

// mesh runs f in a bubble.
func mesh(t *testing.T, f func(t *testing.T, g *group)) {
	t.Helper()
	bubbletest.Test(t, func(t *testing.T) {
		g := &group{t: t, net: journaltest.New(time.Second), disks: map[string]*vfs.Mem{}, nodes: map[string]*node{}}
		defer g.close()
		f(t, g)
	})
}

// config is a node's on its own disk.
func (g *group) config(id string) journal.Config {
	g.t.Helper()
	if g.disks[id] == nil {
		g.disks[id] = vfs.NewMem()
		assert.NoError(g.t, g.disks[id].MkdirAll("/d", 0o700)) // also of goroutines that are not the test's
		assert.NoError(g.t, g.disks[id].SyncDir("/"))
	}
	cfg := journal.Config{Dir: "/d/j", FS: g.disks[id], NodeID: id, JoinSource: true, Peers: g.net.Peer(id, journaltest.Options{})}
	if os.Getenv("JOURNAL_LOG") != "" {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", id)
	}
	return cfg
}

func (g *group) open(id string) *node {
	g.t.Helper()
	n, err := g.tryOpen(g.config(id), 30*time.Second)
	require.NoError(g.t, err, "opening %s", id)
	return n
}

func (g *group) tryOpen(cfg journal.Config, most time.Duration) (*node, error) {
	r := newRegister()
	ctx, cancel := context.WithTimeout(g.t.Context(), most)
	defer cancel()
	j, err := journal.Open(ctx, cfg, r)
	if err != nil {
		return nil, err
	}
	n := &node{Journal: j, t: g.t, id: cfg.NodeID, reg: r, session: j.Session()}
	g.nodes[n.id] = n
	return n, nil
}

// grow opens nodes one after the other and lets the voters settle.
func (g *group) grow(ids ...string) {
	g.t.Helper()
	for _, id := range ids {
		g.open(id)
	}
	time.Sleep(5 * time.Second)
}

// crash ends a node as kill -9 and a power failure would: what was not synced is gone.
func (g *group) crash(id string) {
	n := g.nodes[id]
	delete(g.nodes, id)
	g.kill(n)
}

func (g *group) kill(n *node) {
	g.net.Crash(n.id)
	g.disks[n.id] = g.disks[n.id].CrashKeepingNothing()
	n.drop()
}

// drop frees what a node that is off the network holds.
func (n *node) drop() {
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_ = n.Close(gone)
	_ = n.Close(context.Background())
}

// leave closes a node as a program that ends would.
func (g *group) leave(id string) {
	g.t.Helper()
	n := g.nodes[id]
	delete(g.nodes, id)
	ctx, cancel := context.WithTimeout(g.t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(g.t, n.Close(ctx))
	g.net.Leave(id)
}

func (g *group) close() {
	for _, id := range g.ids() {
		g.net.Crash(id)
	}
	for _, n := range g.nodes {
		n.drop()
	}
}

func (g *group) ids() []string {
	var ids []string
	for id := range g.nodes {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// primary waits for one of the nodes to lead.
func (g *group) primary() *node {
	g.t.Helper()
	for range 200 {
		for _, id := range g.ids() {
			if g.nodes[id].Primary() {
				return g.nodes[id]
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	g.t.Fatal("nobody leads")
	return nil
}

// add makes one change through a node, which sees it at once.
func (n *node) add(key string) {
	n.t.Helper()
	require.NoError(n.t, n.tryAdd(key, 20*time.Second), "a change through %s", n.id)
}

func (n *node) tryAdd(key string, most time.Duration) error {
	ctx, cancel := context.WithTimeout(n.t.Context(), most)
	defer cancel()
	op := n.session.Next()
	_, index, err := n.Propose(ctx, op, []byte("add "+key))
	if err != nil {
		return err
	}
	n.session.Done(op)
	require.GreaterOrEqual(n.t, n.Index(), index, "its own change is visible at once")
	return nil
}

// same waits until every node has the count, no more and no less.
func (g *group) same(key string, want int) {
	g.t.Helper()
	g.sameOn(g.ids(), key, want)
}

func (g *group) sameOn(ids []string, key string, want int) {
	g.t.Helper()
	time.Sleep(time.Second)
	for _, id := range ids {
		require.Equal(g.t, want, g.nodes[id].reg.get(key), "on %s", id)
	}
}
