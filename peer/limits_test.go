package peer_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/peer"
)

// TestSkewedClocks: nodes whose clocks differ by less than 5 minutes do without the packets that look old at first, and
// nobody is missed.
func TestSkewedClocks(t *testing.T) {
	for _, skew := range []time.Duration{-4 * time.Minute, 4 * time.Minute} {
		bubbletest.Test(t, func(t *testing.T) {
			m := newMesh(t)
			var failed atomic.Int32
			m.cfg.Events.Member = func(o peer.Member) {
				if o.State == peer.Failed {
					failed.Add(1)
				}
			}
			ns := []*peer.Mesh{m.start(0, nil), m.start(1, func(c *peer.Config) {
				c.Now = func() time.Time { return time.Now().Add(skew) }
			})}
			meet(t, 10*time.Second, ns...)
			ns = append(ns, m.start(2, nil))
			meet(t, 10*time.Second, ns...)
			for _, o := range ns[1].Members() {
				require.WithinDuration(t, time.Now(), o.Since, 20*time.Second, "told by the clock that the others are compared with: who waits some time after it waits too long, or not at all")
			}
			time.Sleep(6 * time.Minute)
			meet(t, time.Second, ns...)
			require.Zero(t, failed.Load())
		})
	}
}

// TestClocksAreSetBack: nodes that began with clocks an hour ahead go on hearing each other's packets when those are set right.
// While they are set one by one, nodes that are more than 5 minutes apart refuse each other, and both sides say so.
func TestClocksAreSetBack(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		var told [2]refusals
		var ahead [2]atomic.Int64
		var ns []*peer.Mesh
		for i := range ahead {
			ahead[i].Store(int64(time.Hour))
			ns = append(ns, m.start(i, func(c *peer.Config) {
				told[i].listen(c)
				c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead[i].Load())) }
			}))
		}
		meet(t, 10*time.Second, ns...)
		ahead[0].Store(0)
		time.Sleep(5 * time.Minute)
		for i := range told {
			told[i].has(t, peer.ErrClock, "1h0m0s")
		}
		ahead[1].Store(0)
		meet(t, time.Minute, ns...)
		time.Sleep(time.Minute)
		before := []int64{ns[0].Metrics().Gossip.Refused, ns[1].Metrics().Gossip.Refused}
		time.Sleep(time.Minute)
		for i, n := range ns {
			require.Equal(t, before[i], n.Metrics().Gossip.Refused, "of %d packets", n.Metrics().Gossip.PacketsIn)
		}
	})
}

// TestLongNames: all that a node may say of itself fits.
func TestLongNames(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		long := strings.Repeat("n", 64)
		a := m.start(0, func(c *peer.Config) { c.Zone, c.Rack, c.Cluster, c.Weight = long, long, long, 1<<32-1 })
		cfg := m.cfg
		cfg.Network, cfg.Zone, cfg.Rack, cfg.Cluster, cfg.Weight = m.net.Host(ip(1)), long, long, long, 1<<32-1
		b, err := peer.Open(t.Context(), cfg, peer.Options{ID: long, Level: 1<<32 - 1, Version: long[:32], Handler: handler{}})
		require.NoError(t, err)
		defer func() { require.NoError(t, b.Close()) }()
		meet(t, 10*time.Second, a, b)
		meta := []byte(strings.Repeat("m", peer.MaxMeta))
		changed := a.Changed()
		require.NoError(t, b.SetMeta(meta))
		<-changed
		synctest.Wait()
		got := a.Members()[0]
		if got.ID != long {
			got = a.Members()[1]
		}
		require.Equal(t, meta, got.Meta)
		require.Equal(t, long, got.Rack)
		require.Equal(t, uint32(1<<32-1), got.Level)
	})
}
