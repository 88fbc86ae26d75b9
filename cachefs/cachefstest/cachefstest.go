package cachefstest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/netsim"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs/memufs"
)

// MountPath is where the under store of a Cluster is mounted.
const MountPath = "/mem"

// Cluster is nodes in one process.
type Cluster struct {
	Nodes []*cachefs.Node // by number; nil while one is down
	Store *memufs.Store   // mounted at MountPath: versions, latency, scripted faults, call counts

	t       testing.TB
	net     *netsim.Net
	change  []func(*cachefs.Config)
	members []*member
	clients []*cachefs.Client
}

// member is what stays of a node while it is down.
type member struct {
	host *netsim.Host // nil of a node alone
	disk *vfs.Mem
	skew atomic.Int64 // ns that its clock is ahead
}

// New opens n nodes, closed when t ends. Each has 64 MiB of memory tier (16 under the race detector), 64 MiB of disk tier
// and a journal on a disk in memory; several are one mesh, all of them founders. Views that are used after their release
// read poison. configure changes the Config of each. With several nodes, under the race detector, Go code runs on one thread
// until t ends: they would end the process in a bubble otherwise (golang/go#78156).
func New(t testing.TB, n int, configure ...func(*cachefs.Config)) *Cluster {
	t.Helper()
	if n < 1 || n > 250 {
		t.Fatalf("cachefstest: %d nodes; want 1 to 250", n)
	}
	if n > 1 {
		bubbletest.OneThread(t)
	}
	c := &Cluster{t: t, Store: memufs.New(nil), net: netsim.New(1), Nodes: make([]*cachefs.Node, n), change: configure}
	for i := range n {
		m := &member{disk: vfs.NewMem()}
		if n > 1 {
			m.host = c.net.Host(c.Addr(i))
		}
		c.members = append(c.members, m)
	}
	t.Cleanup(func() {
		for _, client := range c.clients {
			if err := client.Close(); err != nil {
				t.Errorf("cachefstest: close a client: %v", err)
			}
		}
		for _, err := range c.stop(all(n)...) {
			if errors.Is(err, cachefs.ErrLost) { // what only the cache has ends with it
				t.Logf("cachefstest: close: %v", err)
			} else if err != nil {
				t.Errorf("cachefstest: close: %v", err)
			}
		}
	})
	c.Start(all(n)...)
	return c
}

// all are the numbers of n nodes.
func all(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

// config is node i's.
func (c *Cluster) config(i int) cachefs.Config {
	m := c.members[i]
	cfg := cachefs.Config{
		Dir: "/millpond",
		Tiers: []tier.Config{
			{Kind: tier.Memory, Size: memorySize},
			{Kind: tier.SSD, Size: 64 << 20, Dirs: []tier.Dir{{Path: "/millpond/ssd", Quota: 64 << 20}}},
		},
		Mounts: []cachefs.MountConfig{{Path: MountPath, Store: c.Store.UFS()}},
		FS:     m.disk,
		Poison: true,
	}
	if m.host != nil {
		cfg.Mesh = c.meshConfig(m)
		cfg.Journal.Expect = len(c.members)
		cfg.Journal.Now = m.now
	}
	for _, f := range c.change {
		f(&cfg)
	}
	return cfg
}

const (
	port   = ":7946"
	secret = "the secret of cachefstest"
)

// meshConfig is that of a node that finds the others by all their addresses.
func (c *Cluster) meshConfig(m *member) *peer.Config {
	cfg := &peer.Config{Bind: m.host.Addr() + port, Secret: secret, Network: m.host, Now: m.now}
	for i := range c.members {
		cfg.Join = append(cfg.Join, c.Addr(i)+port)
	}
	return cfg
}

// now is the member's clock.
func (m *member) now() time.Time { return time.Now().Add(time.Duration(m.skew.Load())) }

// Addr is the address of node i in the network in memory.
func (c *Cluster) Addr(i int) string { return fmt.Sprintf("10.0.0.%d", i+1) }

// Node is the first node that is up.
func (c *Cluster) Node() *cachefs.Node {
	for _, n := range c.Nodes {
		if n != nil {
			return n
		}
	}
	return nil
}

// Start opens nodes that are down, together: those that begin a mesh wait for each other.
func (c *Cluster) Start(nodes ...int) {
	c.t.Helper()
	errs := make([]error, len(nodes))
	var opening sync.WaitGroup
	for k, i := range nodes {
		opening.Go(func() { c.Nodes[i], errs[k] = cachefs.Open(context.Background(), c.config(i)) })
	}
	opening.Wait()
	if err := errors.Join(errs...); err != nil {
		c.t.Fatalf("cachefstest: open: %v", err)
	}
}

// Stop closes nodes gracefully, together.
func (c *Cluster) Stop(nodes ...int) {
	c.t.Helper()
	if err := errors.Join(c.stop(nodes...)...); err != nil {
		c.t.Fatalf("cachefstest: close: %v", err)
	}
}

func (c *Cluster) stop(nodes ...int) []error {
	errs := make([]error, len(nodes))
	var closing sync.WaitGroup
	for k, i := range nodes {
		if n := c.Nodes[i]; n != nil {
			c.Nodes[i] = nil
			closing.Go(func() { errs[k] = n.Close() })
		}
	}
	closing.Wait()
	return errs
}

// Restart closes all nodes and opens them again over the same disks and store; configure changes their Config further.
func (c *Cluster) Restart(configure ...func(*cachefs.Config)) {
	c.t.Helper()
	c.Stop(all(len(c.Nodes))...)
	c.change = append(c.change, configure...)
	c.Start(all(len(c.Nodes))...)
}
