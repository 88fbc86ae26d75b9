package cachefs_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/netsim"
	"github.com/millpond/millpond/peer"
)

// A trick is what an evil node makes of the next bytes that it answers a request for blocks or a call with. It has b to
// itself; nil: it hangs up.
type trick func(b []byte) []byte

// evil is the network of a node whose answers go through a trick, once it has one.
type evil struct {
	*netsim.Host
	trick atomic.Pointer[trick]
}

func (e *evil) Listen(ctx context.Context, addr string) (net.Listener, net.PacketConn, error) {
	l, p, err := e.Host.Listen(ctx, addr)
	if err != nil {
		return nil, nil, err
	}
	return &evilListener{l, e}, p, nil
}

type evilListener struct {
	net.Listener
	e *evil
}

func (l *evilListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &evilConn{Conn: c, e: l.e}, nil
}

// evilConn is a connection to the evil node.
type evilConn struct {
	net.Conn
	e      *evil
	frames atomic.Bool // what it was opened for, as its first byte says
	met    sync.Once
	said   int // writes: the first two are the handshake's
}

func (c *evilConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.met.Do(func() { c.frames.Store(b[0] == 'F') })
	}
	return n, err
}

func (c *evilConn) Write(b []byte) (int, error) {
	c.said++
	t := c.e.trick.Load()
	if t == nil || !c.frames.Load() || c.said <= 2 {
		return c.Conn.Write(b)
	}
	sent := (*t)(append([]byte(nil), b...))
	if sent == nil {
		return 0, c.Close()
	}
	if _, err := c.Conn.Write(sent); err != nil {
		return 0, err
	}
	return len(b), nil
}

// tricks are what they do to the bytes of a frame: its head with the sum of that, the sums of the pieces, the pieces.
func tricks() map[string]trick {
	r := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	number := func(n int) int { mu.Lock(); defer mu.Unlock(); return r.IntN(n) }
	const (
		heads = 40     // a frame's head and the first of the sums
		block = 10_000 // is less than an answer with bytes of a block, and more than one without
	)
	return map[string]trick{
		"garbage": func(b []byte) []byte {
			for i := range b {
				b[i] = byte(number(256))
			}
			return b
		},
		"other bytes": func(b []byte) []byte {
			if len(b) > block {
				b[heads+number(len(b)-heads)] ^= 1
			}
			return b
		},
		"other sums": func(b []byte) []byte {
			if len(b) > block {
				b[number(heads)] ^= 1
			}
			return b
		},
		"half":     func(b []byte) []byte { return b[:len(b)/2] },
		"hangs up": func([]byte) []byte { return nil },
		"silence":  func(b []byte) []byte { return b[:0] },
	}
}

// TestEvilNode: whatever a node that is let in says instead of blocks, readers on the others get right bytes, and soon, from
// elsewhere.
func TestEvilNode(t *testing.T) {
	for name, trick := range tricks() {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				var evils []*evil
				r := openMeshOver(t, netsim.New(1), 3, func(h *netsim.Host) peer.Network {
					evils = append(evils, &evil{Host: h})
					return evils[len(evils)-1]
				})
				const bad = 2 // the first one leads
				for i := range 40 {
					name := fmt.Sprint("f", i)
					r.put(name, 100_000+i)
					r.expect(bad, name, cachefs.CachePromote)
					for _, n := range r.nodes[:bad] {
						_, err := n.Stat(t.Context(), "/mem/"+name, nil)
						require.NoError(t, err)
					}
				}
				evils[bad].trick.Store(&trick)
				began := time.Now()
				for name := range r.files {
					for i := range bad {
						r.expect(i, name, cachefs.CachePromote)
					}
				}
				require.Less(t, time.Since(began), time.Minute)
				require.NotZero(t, r.nodes[0].Metrics().PeerFailures+r.nodes[1].Metrics().PeerFailures, "nobody was deceived")
				t.Logf("%d reads in %v", bad*len(r.files), time.Since(began))
				evils[bad].trick.Store(nil)
			})
		})
	}
}
