package peer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/memtest"
	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/peer"
)

// many is how many nodes the largest mesh of the tests has.
const many = 100 / racetest.Divisor

// TestManyNodes joins them and says what that takes: a figure to look at, with bounds far from it.
func TestManyNodes(t *testing.T) {
	wall := time.Now()
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		before := memtest.InUse()
		start := time.Now()
		ns := m.grow(many)
		meet(t, time.Minute, ns...)
		joined, sent := time.Since(start), m.net.Stats()
		perNode := (memtest.InUse() - before) / many
		t.Logf("%d nodes know each other after %v: each sent %d KB in packets and %d KB over streams, and takes %d KB of memory",
			many, joined, sent.PacketBytes/many>>10, sent.ConnBytes/many>>10, perNode>>10)
		require.Less(t, perNode, int64(2<<20))
		time.Sleep(time.Minute)
		idle := m.net.Stats()
		t.Logf("an idle node sends %d bytes/s in packets and %d over streams, of which it opens %.2f a minute",
			(idle.PacketBytes-sent.PacketBytes)/many/60, (idle.ConnBytes-sent.ConnBytes)/many/60, float64(idle.Conns-sent.Conns)/many)
	})
	t.Logf("wall time %v", time.Since(wall).Round(time.Millisecond))
}

// TestLifeOfManyNodes: 25 join, some die, the network splits and heals.
func TestLifeOfManyNodes(t *testing.T) {
	wall := time.Now()
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		start := time.Now()
		took := func() time.Duration { d := time.Since(start); start = time.Now(); return d }
		ns := m.grow(25)
		meet(t, 10*time.Second, ns...)
		t.Logf("25 nodes know each other after %v", took())
		m.net.Host(ip(24)).Kill()
		m.net.Host(ip(23)).Vanish()
		ns = ns[:23]
		meet(t, 10*time.Second, ns...)
		t.Logf("2 that died are seen by all after %v", took())
		left, right := ns[:10], ns[10:]
		m.net.Partition(hosts(left), hosts(right))
		meet(t, 30*time.Second, left...)
		meet(t, 30*time.Second, right...)
		t.Logf("a split is seen by all after %v", took())
		time.Sleep(2 * time.Minute)
		took()
		m.net.Heal()
		meet(t, 30*time.Second, ns...)
		t.Logf("after 2 minutes it heals within %v", took())
		key := peer.Key{9}
		want := ns[0].Owners(nil, key, 3)
		for _, n := range []*peer.Mesh{ns[11], ns[22]} { // each makes a ring: that is most of the time
			require.Equal(t, want, n.Owners(nil, key, 3))
		}
	})
	t.Logf("wall time %v", time.Since(wall).Round(time.Millisecond))
}

// hosts are the addresses of nodes, without ports.
func hosts(ns []*peer.Mesh) (ips []string) {
	for _, n := range ns {
		host, _, _ := strings.Cut(n.Addr(), ":")
		ips = append(ips, host)
	}
	return ips
}
