package peer_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/memtest"
	"github.com/millpond/millpond/internal/netsim"
	"github.com/millpond/millpond/peer"
)

// recording is all that was sent as packets.
type recording struct {
	mu   sync.Mutex
	sent []netsim.Sent
}

func record(n *netsim.Net) *recording {
	r := &recording{}
	n.Tap(func(s netsim.Sent) {
		if s.Packet {
			s.Bytes = bytes.Clone(s.Bytes)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.sent = append(r.sent, s)
		}
	})
	return r
}

// stop returns what was recorded.
func (r *recording) stop(n *netsim.Net) []netsim.Sent {
	n.Tap(nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sent)
}

// TestReplayedPackets: what was recorded while a node came, failed and left does nothing when it is sent again, to whom
// it was sent, to others, and to a node that has restarted since.
func TestReplayedPackets(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		tape := record(m.net)
		ns := m.grow(4)
		meet(t, 10*time.Second, ns...)
		m.net.Host(ip(2)).Kill()
		meet(t, 10*time.Second, ns[0], ns[1], ns[3])
		require.NoError(t, ns[3].Leave(t.Context()))
		m.net.Host(ip(3)).Kill()
		meet(t, 10*time.Second, ns[0], ns[1])
		time.Sleep(10 * time.Second)
		sent := tape.stop(m.net)
		require.Greater(t, len(sent), 100)
		m.net.Host(ip(1)).Kill()
		cfg := m.cfg
		cfg.Network = m.net.Host(ip(1))
		again := open(t, cfg, "node-01")
		meet(t, 10*time.Second, ns[0], again)
		time.Sleep(5 * time.Second)
		memory, before := memtest.InUse(), [][]peer.Member{ns[0].Members(), again.Members()}
		for range 20 {
			for _, s := range sent {
				for _, to := range []string{s.To, ns[0].Addr(), again.Addr()} {
					m.net.Forge(s.From, to, s.Bytes)
				}
			}
			time.Sleep(time.Second)
		}
		require.Equal(t, before, [][]peer.Member{ns[0].Members(), again.Members()})
		require.Greater(t, ns[0].Metrics().Gossip.Replayed, int64(100))
		require.Greater(t, again.Metrics().Gossip.Refused, int64(100))
		require.Less(t, memtest.InUse()-memory, int64(2<<20), "%d packets", 20*3*len(sent))
	})
}

// TestForgedPackets: noise, changed packets and those of a mesh of another secret do nothing, and are not remembered.
func TestForgedPackets(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		ns := m.grow(2)
		other := &mesh{t: t, net: m.net, cfg: m.cfg}
		other.cfg.Secret, other.cfg.Join = newSecret, []string{ip(10) + ":7946"}
		tape := record(m.net)
		strangers := []*peer.Mesh{other.start(10, nil), other.start(11, nil)}
		meet(t, 10*time.Second, ns...)
		meet(t, 10*time.Second, strangers...)
		time.Sleep(time.Minute)
		sent := tape.stop(m.net)
		before, memory := ns[0].Members(), memtest.InUse()
		rnd := rand.New(rand.NewPCG(1, 1))
		for range 20_000 {
			s := sent[rnd.IntN(len(sent))]
			b := bytes.Clone(s.Bytes)
			for range rnd.IntN(3) {
				b[rnd.IntN(len(b))]++
			}
			if rnd.IntN(4) == 0 {
				b = b[:rnd.IntN(len(b))]
			}
			m.net.Forge(s.From, ns[0].Addr(), b)
			if rnd.IntN(100) == 0 {
				time.Sleep(10 * time.Millisecond)
			}
		}
		time.Sleep(10 * time.Second)
		require.Equal(t, before, ns[0].Members())
		require.Greater(t, ns[0].Metrics().Gossip.Refused, int64(15_000))
		require.Less(t, memtest.InUse()-memory, int64(2<<20))
	})
}

// TestSecretIsNotSent: nothing that a node says of itself can be read off the network.
func TestSecretIsNotSent(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		m.cfg.Encrypt = true
		m.cfg.Zone = "a-zone-with-a-name"
		var mu sync.Mutex
		var all []byte
		m.net.Tap(func(s netsim.Sent) { mu.Lock(); defer mu.Unlock(); all = append(all, s.Bytes...) })
		ns := m.grow(3)
		meet(t, 10*time.Second, ns...)
		require.NoError(t, ns[0].SetMeta([]byte("some meta that is told")))
		talk(t, ns[0], ns[1])
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		require.Greater(t, len(all), 10_000)
		for _, s := range []string{secret, m.cfg.Zone, "node-01", "some meta", "request", "hello"} {
			require.False(t, bytes.Contains(all, []byte(s)), "%q was sent in the clear", s)
		}
	})
}
