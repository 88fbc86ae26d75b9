package cachefstest

import (
	"context"
	"errors"
	"time"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/netsim"
	"github.com/millpond/millpond/internal/vfs"
)

// Kill ends a node's process without a word: the others' connections to it are reset, and its disk has all that was
// written. Start begins its next life.
func (c *Cluster) Kill(i int) {
	c.end(i, (*vfs.Mem).Copy, (*netsim.Host).Kill)
}

// Crash takes the power of a node's machine: the others hear nothing any more, and its disk has what was synced.
func (c *Cluster) Crash(i int) {
	c.end(i, (*vfs.Mem).CrashKeepingNothing, (*netsim.Host).Vanish)
}

// errKilled is why a node that was killed ends.
var errKilled = errors.New("killed by its test")

// end cuts a node off its network and its disk, then ends its goroutines: nothing that they still do is seen.
func (c *Cluster) end(i int, disk func(*vfs.Mem) *vfs.Mem, leave func(*netsim.Host)) {
	c.t.Helper()
	m, n := c.members[i], c.Nodes[i]
	if n == nil {
		c.t.Fatalf("cachefstest: node %d is down already", i)
	}
	c.Nodes[i] = nil
	if m.host != nil {
		leave(m.host)
		m.host = nil
	}
	m.disk = disk(m.disk)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errKilled)
	_ = n.Shutdown(ctx) // it says that it was cut short
	_ = n.Close()       // waits for what that left
	if len(c.members) > 1 {
		m.host = c.net.Host(c.Addr(i))
	}
}

// Partition lets nodes reach only those that share a group with them. A node in several groups makes it partial; one in no group
// is reached by all.
func (c *Cluster) Partition(groups ...[]int) {
	addrs := make([][]string, len(groups))
	for k, g := range groups {
		for _, i := range g {
			addrs[k] = append(addrs[k], c.Addr(i))
		}
	}
	c.net.Partition(addrs...)
}

// Cut lets nothing pass between two nodes.
func (c *Cluster) Cut(i, j int) { c.net.Cut(c.Addr(i), c.Addr(j)) }

// OneWay lets nothing pass from one node to another; the other direction works.
func (c *Cluster) OneWay(from, to int) { c.net.OneWay(c.Addr(from), c.Addr(to)) }

// Heal lets everything pass again that Partition, Cut and OneWay held up.
func (c *Cluster) Heal() { c.net.Heal() }

// Link is how one direction between two nodes works.
type Link struct {
	Latency time.Duration
	Jitter  time.Duration // up to this much more for each packet, so that they arrive out of order
	Loss    float64       // part of packets that do not arrive; connections send such parts again, later
	Rate    int64         // bytes per second of each connection; 0: without bound
}

// SetLink makes both directions between two nodes work like this.
func (c *Cluster) SetLink(i, j int, l Link) { c.net.SetLink(c.Addr(i), c.Addr(j), netsim.Link(l)) }

// SetLinks makes every link work like this that SetLink has not set.
func (c *Cluster) SetLinks(l Link) { c.net.SetAll(netsim.Link(l)) }

// Skew sets how far a node's clock is ahead; behind, if ahead is negative.
func (c *Cluster) Skew(i int, ahead time.Duration) { c.members[i].skew.Store(int64(ahead)) }

// Primary waits until nodes that are up agree who orders the changes, and returns its number. It fails the test after a minute.
func (c *Cluster) Primary() int {
	c.t.Helper()
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(20 * time.Millisecond) {
		if i, ok := c.agreed(); ok {
			return i
		}
	}
	c.t.Fatalf("cachefstest: the nodes do not agree on a primary after a minute")
	return -1
}

// agreed is the node that all nodes that are up take for the primary.
func (c *Cluster) agreed() (primary int, ok bool) {
	id := ""
	for _, n := range c.Nodes {
		if n == nil {
			continue
		}
		p := primaryOf(n)
		if p == "" || id != "" && p != id {
			return -1, false
		}
		id = p
	}
	for i, n := range c.Nodes {
		if n != nil && n.ID() == id {
			return i, true
		}
	}
	return -1, false
}

func primaryOf(n *cachefs.Node) string {
	info, err := n.Cluster(context.Background())
	if err != nil {
		return ""
	}
	for _, p := range info.Peers {
		if p.Primary {
			return p.ID
		}
	}
	return ""
}
