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
			time.Sleep(6 * time.Minute)
			meet(t, time.Second, ns...)
			require.Zero(t, failed.Load())
		})
	}
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
