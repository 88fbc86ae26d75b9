package cachefs_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/netsim"
	"github.com/millpond/millpond/peer"
)

// besieged is a mesh of three in use, all that it has sent, and a stranger on its network.
type besieged struct {
	*readers
	t        *testing.T
	network  *netsim.Net
	tape     *capture
	stranger *netsim.Host
}

// besiege lets the mesh do what brings every protocol over the network.
func besiege(t *testing.T) *besieged {
	b := &besieged{t: t, network: netsim.New(1)}
	b.tape = captureAll(b.network)
	b.readers = openMeshOver(t, b.network, 3, func(h *netsim.Host) peer.Network { return h })
	time.Sleep(5 * time.Second)
	b.readAllEverywhere(1)
	for i, n := range b.nodes {
		require.NoError(t, n.Mkdir(t.Context(), fmt.Sprint("/d", i), nil))
	}
	time.Sleep(20 * time.Second) // the members exchange all they know each 15 s
	synctest.Wait()
	b.network.Tap(nil)
	b.stranger = b.network.Host("10.0.0.99")
	return b
}

// state is what no stranger may change, nor learn: the namespace, the members, who leads, what was served to peers.
func (b *besieged) state() (s []string) {
	for _, n := range b.nodes {
		c, err := n.Cluster(b.t.Context())
		require.NoError(b.t, err)
		for _, p := range c.Peers {
			s = append(s, fmt.Sprint(p.ID, p.Addr, p.State, p.Primary))
		}
		m := n.Metrics()
		s = append(s, fmt.Sprint(m.Journal.Index, m.Journal.Term, m.Served, len(cachefs.Blocks(n))))
	}
	return s
}

// size is what the process holds now.
func size() (bytes int64, goroutines int) {
	synctest.Wait()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapInuse + s.StackInuse), runtime.NumGoroutine()
}

// said is what node i answers to bytes of a stranger until it hangs up.
func (b *besieged) said(i int, what []byte) []byte {
	b.t.Helper()
	c, err := b.stranger.Dial(b.t.Context(), meshHost(i)+":7946")
	require.NoError(b.t, err)
	defer c.Close()
	began := time.Now()
	go c.Write(what) // the node may hang up before all of it
	answer, err := io.ReadAll(c)
	if err != nil {
		require.ErrorIs(b.t, err, net.ErrClosed, "%v", err)
	}
	require.LessOrEqual(b.t, time.Since(began), 1100*time.Millisecond, "it has a second")
	return answer
}

// mostSaid is a challenge and a refusal with its reason.
const mostSaid = 40 + 3 + 200

// attacks are what a stranger does; each of them again and again.
func attacks() map[string]func(b *besieged) {
	return map[string]func(b *besieged){
		"replayed connections": func(b *besieged) {
			protocols := map[byte]int{}
			for way, sent := range b.tape.streams {
				for i := range b.nodes {
					if strings.HasSuffix(way[1], ":7946") {
						require.LessOrEqual(b.t, len(b.said(i, sent.Bytes())), mostSaid)
						protocols[sent.Bytes()[0]]++
					}
				}
			}
			require.Len(b.t, protocols, 3, "frames, streams, gossip")
		},
		"plain bytes": func(b *besieged) {
			for _, first := range []string{"F", "S", "G", "\x00", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01"} {
				for _, sent := range b.tape.streams { // behind the handshakes of others: frames, calls of raft, gossip
					plain := sent.Bytes()[min(sent.Len(), 300):]
					require.LessOrEqual(b.t, len(b.said(0, append([]byte(first), plain[:min(len(plain), 100_000)]...))), mostSaid)
				}
			}
		},
		"replayed packets": func(b *besieged) {
			for _, s := range b.tape.packets {
				for i := range b.nodes {
					b.network.Forge(s.From, meshHost(i)+":7946", s.Bytes)
				}
				time.Sleep(time.Millisecond)
			}
		},
		"forged packets": func(b *besieged) {
			r := rand.New(rand.NewPCG(3, 4))
			for _, s := range b.tape.packets {
				p := bytes.Clone(s.Bytes)
				switch r.IntN(3) {
				case 0:
					p[r.IntN(len(p))]++
				case 1:
					p = p[r.IntN(len(p)):] // as a mesh without a secret would send it
				case 2:
					p = p[:r.IntN(len(p))]
				}
				b.network.Forge(s.From, s.To, p)
				time.Sleep(time.Millisecond)
			}
		},
		"silence": func(b *besieged) {
			for range 1000 {
				c, err := b.stranger.Dial(b.t.Context(), meshHost(0)+":7946")
				require.NoError(b.t, err)
				defer c.Close()
			}
			require.NoError(b.t, b.nodes[1].Mkdir(b.t.Context(), "/meanwhile", nil))
			require.NoError(b.t, b.nodes[1].Remove(b.t.Context(), "/meanwhile", nil))
			time.Sleep(2 * time.Second)
		},
	}
}

// TestStrangers: whatever somebody without the secret sends, nothing is read, nothing changes, nothing grows, and the mesh works.
func TestStrangers(t *testing.T) {
	for name, attack := range attacks() {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				b := besiege(t)
				attack(b) // what is made once is there now
				time.Sleep(5 * time.Second)
				before := b.state()
				memory, goroutines := size()
				for range 3 {
					attack(b)
				}
				time.Sleep(5 * time.Second)
				grown, now := size()
				require.LessOrEqual(t, now, goroutines+20)
				require.Less(t, grown-memory, int64(4<<20))
				if name != "silence" { // in which changes are made
					require.Equal(t, before, b.state())
				}
				for i := range b.nodes {
					b.expect(i, "f1", cachefs.CachePromote)
				}
				require.NoError(t, b.nodes[2].Mkdir(t.Context(), "/after", nil))
			})
		})
	}
}

// TestStrangerNode: a node with another secret, or none, becomes a mesh of its own and sees nothing of this one.
func TestStrangerNode(t *testing.T) {
	for name, set := range map[string]func(c *peer.Config){
		"another secret": func(c *peer.Config) { c.Secret = "another secret of some length" },
		"no secret":      func(c *peer.Config) { c.Secret, c.Insecure = "", true },
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				b := besiege(t)
				before := b.state()
				n := openMeshNode(t, &readers{t: t, store: b.store}, b.network, 98, func(c *cachefs.Config) { c.Mounts = nil; set(c.Mesh) })
				time.Sleep(time.Minute)
				for i, err := range n.List(t.Context(), "/", nil) {
					require.NoError(t, err)
					t.Errorf("it sees %s", i.Path())
				}
				c, err := n.Cluster(t.Context())
				require.NoError(t, err)
				require.Len(t, c.Peers, 1)
				require.NoError(t, n.Mkdir(t.Context(), "/of its own", nil))
				require.Equal(t, before, b.state())
			})
		})
	}
}
