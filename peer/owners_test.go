package peer_test

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/peer"
)

// keys are some keys.
func keys(n int) (ks []peer.Key) {
	for i := range n {
		var k peer.Key
		binary.BigEndian.PutUint64(k[:], uint64(i)*0x9E3779B97F4A7C15)
		ks = append(ks, k)
	}
	return ks
}

// owner is who owns a key.
func owner(m *peer.Mesh, k peer.Key) string { return m.Owners(nil, k, 1)[0] }

// TestOwnersAreSharesOfWeights, the same on all nodes.
func TestOwnersAreSharesOfWeights(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		var ns []*peer.Mesh
		for i := range 3 {
			ns = append(ns, m.start(i, func(c *peer.Config) { c.Weight = uint32(100 * (i + 1)) }))
		}
		meet(t, 10*time.Second, ns...)
		share := map[string]int{}
		for _, k := range keys(6000) {
			own := ns[0].Owners(nil, k, 5)
			require.Len(t, own, 3)
			share[own[0]]++
			require.Equal(t, own, ns[1].Owners(nil, k, 5))
			require.Equal(t, own, ns[2].Owners(nil, k, 5))
		}
		for i, n := range ns {
			require.InEpsilon(t, 1000*(i+1), share[n.ID()], 0.1)
		}
	})
}

// TestFlappingMovesNothing: who fails and comes back within the grace time has its keys again; meanwhile others stand in.
func TestFlappingMovesNothing(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		m.cfg.GraceTime = time.Minute
		ns := m.grow(4)
		meet(t, 10*time.Second, ns...)
		time.Sleep(10 * time.Minute)
		ks := keys(1000)
		was := map[peer.Key][]string{}
		for _, k := range ks {
			was[k] = ns[0].Owners(nil, k, 4)
			_, fresh := ns[0].Previous(k)
			require.False(t, fresh, "nothing has changed for long")
		}
		m.net.Partition([]string{ip(0), ip(1), ip(2)}, []string{ip(3)})
		meet(t, 10*time.Second, ns[:3]...)
		for _, k := range ks {
			for _, n := range ns[:3] {
				now := n.Owners(nil, k, 4)
				require.NotContains(t, now, "node-03", "it does not answer")
				require.Len(t, now, 3)
				if was[k][0] != "node-03" {
					require.Equal(t, was[k][0], now[0], "keys of the others stay")
				} else {
					require.Equal(t, was[k][1], now[0], "its successor stands in")
				}
				_, moved := n.Previous(k)
				require.False(t, moved)
			}
		}
		m.net.Heal()
		meet(t, 30*time.Second, ns...)
		for _, k := range ks {
			require.Equal(t, was[k], ns[1].Owners(nil, k, 4))
		}
	})
}

// TestPrevious: after a change the owner before is known for a while, if it lives.
func TestPrevious(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		m.cfg.GraceTime = -1
		ns := m.grow(3)
		meet(t, 10*time.Second, ns...)
		time.Sleep(10 * time.Minute)
		ks := keys(300)
		was := map[peer.Key]string{}
		for _, k := range ks {
			was[k] = owner(ns[0], k)
		}
		late := m.start(3, nil)
		ns = append(ns, late)
		meet(t, 10*time.Second, ns...)
		moved := 0
		for _, k := range ks {
			for _, n := range ns { // also at the one that came
				prev, ok := n.Previous(k)
				require.Equal(t, owner(n, k) != was[k], ok, "at %s", n.ID())
				if ok {
					require.Equal(t, was[k], prev)
					moved++
				}
			}
		}
		require.InDelta(t, 300*4/4, moved, 150)
		m.net.Host(ip(1)).Kill()
		meet(t, 10*time.Second, ns[0], ns[2], late)
		for _, k := range ks {
			prev, _ := ns[0].Previous(k)
			require.NotEqual(t, "node-01", prev, "it is dead")
		}
		time.Sleep(6 * time.Minute)
		for _, k := range ks {
			_, ok := ns[0].Previous(k)
			require.False(t, ok, "that was long ago")
		}
	})
}

// TestLookUpAllocates nothing.
func TestLookUpAllocates(t *testing.T) {
	a := open(t, peer.Config{}, "a")
	ids, k := make([]string, 0, 4), peer.Key{5}
	require.Zero(t, testing.AllocsPerRun(100, func() { ids = a.Owners(ids[:0], k, 3) }))
	require.Equal(t, []string{"a"}, ids)
}

// TestChanged tells of members, of what they say, and of the ring.
func TestChanged(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		var rings []int
		a := m.start(0, func(c *peer.Config) {
			c.GraceTime = time.Minute
			c.Zone, c.Rack = "zone", "rack"
			c.Events.Ring = func(i peer.RingInfo) { rings = append(rings, i.Members) }
		})
		b := m.start(1, nil)
		meet(t, 10*time.Second, a, b)
		changed := b.Changed()
		require.NoError(t, a.SetMeta([]byte("voter")))
		<-changed
		require.Equal(t, peer.Member{
			ID: "node-00", Addr: ip(0) + ":7946", Zone: "zone", Rack: "rack", Weight: 1024, Version: b.Members()[0].Version, Since: b.Members()[0].Since, Meta: []byte("voter"),
		}, b.Members()[0])
		require.NotEmpty(t, b.Members()[0].Version)
		require.True(t, b.Members()[1].Self)
		require.ErrorIs(t, a.SetMeta(make([]byte, peer.MaxMeta+1)), peer.ErrTooLarge)
		require.NoError(t, a.SetMeta(make([]byte, peer.MaxMeta)))
		changed = a.Changed()
		m.net.Host(ip(1)).Kill()
		<-changed
		require.Equal(t, peer.Failed, a.Members()[1].State)
		require.Equal(t, time.Now(), a.Members()[1].Since)
		<-a.Changed() // by time alone
		synctest.Wait()
		require.Equal(t, []int{2, 1}, rings)
		require.InDelta(t, 60, time.Since(a.Members()[1].Since).Seconds(), 1)
	})
}

// TestOwned: only who has been asked for a block as its owner has owned it, whatever those say that came at one time with it.
func TestOwned(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		ns := m.grow(3)
		meet(t, 10*time.Second, ns...)
		ks := keys(300)
		was := map[peer.Key]string{}
		for _, k := range ks {
			was[k] = owner(ns[0], k)
			for _, n := range ns {
				require.Equal(t, n.ID() == was[k], n.Owned(k), "at %s", n.ID())
			}
		}
		time.Sleep(10 * time.Second)
		late := m.start(3, nil)
		ns = append(ns, late)
		meet(t, 10*time.Second, ns...)
		for _, k := range ks {
			for _, n := range ns {
				require.Equal(t, n.ID() == was[k] || n.ID() == owner(n, k), n.Owned(k), "at %s", n.ID())
			}
		}
		time.Sleep(30 * time.Second)
		for _, k := range ks {
			for _, n := range ns {
				require.Equal(t, n.ID() == owner(n, k), n.Owned(k), "at %s, when all have heard", n.ID())
			}
		}
	})
}
