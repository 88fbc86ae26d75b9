// Package cachefstest opens nodes for unit tests: over a disk and an under store in memory, without network, closed and
// checked for leaks by the test's end. It works inside a synctest bubble, too.
package cachefstest

import (
	"context"
	"testing"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs/memufs"
)

// MountPath is where the under store of a Cluster is mounted.
const MountPath = "/mem"

// Cluster is nodes in one process.
type Cluster struct {
	Nodes []*cachefs.Node
	Store *memufs.Store // mounted at MountPath: versions, latency, scripted faults, call counts

	t    testing.TB
	disk *vfs.Mem
	cfg  cachefs.Config
}

// New opens n nodes, closed when t ends; n is 1, a mesh of one. Each has 64 MiB of memory tier, 64 MiB of disk tier and
// a journal on a disk in memory. Views that are used after their release read poison. configure changes the Config.
func New(t testing.TB, n int, configure ...func(*cachefs.Config)) *Cluster {
	t.Helper()
	if n != 1 {
		t.Fatalf("cachefstest: %d nodes; a process has one", n)
	}
	c := &Cluster{t: t, Store: memufs.New(nil), disk: vfs.NewMem()}
	c.cfg = cachefs.Config{
		Dir: "/millpond",
		Tiers: []tier.Config{
			{Kind: tier.Memory, Size: 64 << 20},
			{Kind: tier.SSD, Size: 64 << 20, Dirs: []tier.Dir{{Path: "/millpond/ssd", Quota: 64 << 20}}},
		},
		Mounts: []cachefs.MountConfig{{Path: MountPath, Store: c.Store.UFS()}},
		FS:     c.disk,
		Poison: true,
	}
	for _, f := range configure {
		f(&c.cfg)
	}
	c.open()
	t.Cleanup(func() {
		if err := c.Node().Close(); err != nil {
			t.Errorf("cachefstest: close the node: %v", err)
		}
	})
	return c
}

// Node is the first node.
func (c *Cluster) Node() *cachefs.Node { return c.Nodes[0] }

// Restart closes the node and opens it again over the same disk and store; configure changes the Config.
func (c *Cluster) Restart(configure ...func(*cachefs.Config)) {
	c.t.Helper()
	if err := c.Node().Close(); err != nil {
		c.t.Fatalf("cachefstest: close the node: %v", err)
	}
	for _, f := range configure {
		f(&c.cfg)
	}
	c.open()
}

func (c *Cluster) open() {
	c.t.Helper()
	n, err := cachefs.Open(context.Background(), c.cfg)
	if err != nil {
		c.t.Fatalf("cachefstest: open a node: %v", err)
	}
	c.Nodes = []*cachefs.Node{n}
}
