package gossip_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/netsim"
	"github.com/millpond/millpond/peer/internal/gossip"
)

const secret = "a secret of some length"

// mesh is some nodes on one network.
type mesh struct {
	t     *testing.T
	net   *netsim.Net
	nodes map[string]*node // by address
}

// node is one, and what it was told.
type node struct {
	*gossip.Gossip
	host      *netsim.Host
	mu        sync.Mutex
	known     map[string]gossip.Event // by id, the last one
	conflicts []error
}

func newMesh(t *testing.T) *mesh {
	m := &mesh{t: t, net: netsim.New(1), nodes: map[string]*node{}}
	t.Cleanup(func() {
		for _, n := range m.nodes {
			_ = n.Close()
		}
	})
	return m
}

func ip(i int) string   { return fmt.Sprintf("10.0.%d.%d", i/250, 1+i%250) }
func addr(i int) string { return ip(i) + ":7946" }

// start starts a node at the i-th address.
func (m *mesh) start(i int, change func(*gossip.Config)) *node {
	m.t.Helper()
	n := &node{host: m.net.Host(ip(i)), known: map[string]gossip.Event{}}
	l, packets, err := n.host.Listen(m.t.Context(), ":7946")
	require.NoError(m.t, err)
	cfg := gossip.Config{
		ID:        fmt.Sprintf("node-%d", i),
		Cluster:   "test",
		Advertise: netip.MustParseAddrPort(addr(i)),
		Packets:   packets,
		Dial:      func(ctx context.Context, addr, _ string) (net.Conn, error) { return n.host.Dial(ctx, addr) },
		Secrets:   []string{secret},
		Now:       time.Now,
		Logger:    slog.New(slog.DiscardHandler),
		Event:     n.note,
		Conflict: func(err *gossip.SameIDError) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.conflicts = append(n.conflicts, err)
		},
	}
	if change != nil {
		change(&cfg)
	}
	n.Gossip, err = gossip.Open(cfg)
	require.NoError(m.t, err)
	m.nodes[addr(i)] = n
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.Accept(c)
		}
	})
	m.t.Cleanup(func() { _ = l.Close(); accepting.Wait() })
	return n
}

func (n *node) note(e gossip.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known[e.ID] = e
}

// alive are the ids that a node believes alive, sorted.
func (n *node) alive() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var ids []string
	for id, e := range n.known {
		if e.Kind == gossip.Alive {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// until waits until all of some nodes believe that those, and nobody else, are alive; it returns how long that took.
func (m *mesh) until(within time.Duration, ns ...*node) time.Duration {
	m.t.Helper()
	start := time.Now()
	var ids []string
	for at, n := range m.nodes {
		if slices.Contains(ns, n) {
			ids = append(ids, strings.Replace(at, at, n.id(), 1))
		}
	}
	slices.Sort(ids)
	want := strings.Join(ids, " ")
	for time.Since(start) < within {
		if !slices.ContainsFunc(ns, func(n *node) bool { return n.alive() != want }) {
			return time.Since(start)
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, n := range ns {
		require.Equal(m.t, want, n.alive(), "%s, after %v", n.id(), within)
	}
	return 0
}

func (n *node) id() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, e := range n.known {
		if e.Addr.Addr().String() == n.host.Addr() {
			return id
		}
	}
	return n.host.Addr()
}

// grow starts n nodes that join the first one.
func (m *mesh) grow(n int) []*node {
	m.t.Helper()
	for i := range n {
		m.start(i, nil)
		if i > 0 {
			k, err := m.nodes[addr(i)].Join([]string{addr(0)})
			require.NoError(m.t, err)
			require.Equal(m.t, 1, k)
		}
	}
	var ns []*node
	for _, at := range slices.Sorted(maps.Keys(m.nodes)) {
		ns = append(ns, m.nodes[at])
	}
	return ns
}

// TestJoinCrashSplitHeal is the life of 25 nodes.
func TestJoinCrashSplitHeal(t *testing.T) {
	wall := time.Now()
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		ns := m.grow(25)
		const exchanges = 40 * time.Second // what gossip has not told one of them, in one of some twenty runs, an exchange of states does, each 15 s
		t.Logf("25 nodes know each other after %v", m.until(exchanges, ns...))
		ns[24].host.Kill()
		ns[23].host.Vanish()
		ns = ns[:23]
		t.Logf("2 that died are seen after %v", m.until(exchanges, ns...))
		var left, right []string
		for i, n := range ns {
			if i < 10 {
				left = append(left, n.host.Addr())
			} else {
				right = append(right, n.host.Addr())
			}
		}
		m.net.Partition(left, right)
		took := m.until(30*time.Second, ns[:10]...)
		t.Logf("a split is seen after %v", took+m.until(30*time.Second, ns[10:]...))
		m.net.Heal()
		t.Logf("it heals within %v", m.until(60*time.Second, ns...))
	})
	t.Logf("wall time %v", time.Since(wall))
}
