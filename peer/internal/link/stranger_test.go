package link_test

import (
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/peer/internal/link"
)

// knock connects to a node as a stranger.
func (m *mesh) knock(id string) net.Conn {
	m.t.Helper()
	addr, _ := m.resolve(id)
	c, err := net.Dial("tcp", addr)
	require.NoError(m.t, err)
	m.t.Cleanup(func() { c.Close() })
	return c
}

// closedAfter reads what the node says to a stranger until it hangs up.
func closedAfter(t *testing.T, c net.Conn) []byte {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
	b, err := io.ReadAll(c)
	if err != nil {
		require.ErrorContains(t, err, "reset")
	}
	return b
}

func TestGarbageIsShutOut(t *testing.T) {
	for _, first := range []string{"G", "F", "S"} {
		for _, rest := range []string{
			"ET / HTTP/1.1\r\n\r\n",
			"mlp\x02\x02\x00\x00" + strings.Repeat("\xff", 4096),    // a hello that is too long
			"mlp\x02\x02\x00\x00\x00\x03abc",                        // one that is truncated
			"mlp\x02\x02\x00\x00\x00\x40" + strings.Repeat("z", 64), // one that is nonsense
			"mlp\x02\x02\x00\x00\x00\x00",                           // an empty one
			strings.Repeat("x", 100),
		} {
			m := newMesh(t)
			var served atomic.Int64
			serve := func(net.Conn) { served.Add(1) }
			m.add("b", &handler{stream: func(_, _ string, c net.Conn) { serve(c) }}, func(c *link.Config) {
				c.Secrets = []string{"s"}
				c.Gossip = func(_ link.Peer, c net.Conn) { serve(c) }
			})
			if strings.HasPrefix(rest, "mlp") {
				rest = rest[:5] + "\x01" + rest[6:]
			}
			c := m.knock("b")
			_, err := io.WriteString(c, first+rest)
			require.NoError(t, err)
			require.LessOrEqual(t, len(closedAfter(t, c)), 40, "more than a challenge was said")
			require.Zero(t, served.Load())
		}
	}
}

func TestNotAPeerIsTold(t *testing.T) {
	m := newMesh(t)
	var there recorder
	m.add("b", &handler{}, there.set)
	c := m.knock("b")
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: b\r\n\r\n")
	require.NoError(t, err)
	closedAfter(t, c)
	require.ErrorIs(t, there.lastRefusal(t), link.ErrNotPeer)
}

func TestReplayedHandshakeGetsNothing(t *testing.T) {
	m := newMesh(t)
	tap := &tap{}
	a := m.add("a", &handler{}, both(secrets("s"), func(c *link.Config) { c.Dial = tap.sent }))
	var there recorder
	var calls atomic.Int64
	m.add("b", &handler{stream: func(_, _ string, c net.Conn) { calls.Add(1); c.Close() }}, both(secrets("s"), there.set))
	conn, err := a.Dial(t.Context(), "b", "raft")
	require.NoError(t, err)
	io.ReadAll(conn)
	conn.Close()
	require.EqualValues(t, 1, calls.Load())

	c := m.knock("b")
	_, err = c.Write(tap.bytes())
	require.NoError(t, err)
	said := closedAfter(t, c)
	require.ErrorIs(t, there.lastRefusal(t), link.ErrSecret)
	require.EqualValues(t, 1, calls.Load())
	require.Equal(t, []byte{0, 1, 1}, said[40:], "more than a challenge and a refusal were said")
}

func TestSilenceIsShutOut(t *testing.T) {
	m := newMesh(t)
	m.add("b", &handler{}, func(c *link.Config) { c.HandshakeTime = 50 * time.Millisecond })
	require.Empty(t, closedAfter(t, m.knock("b")))
}

// A thousand strangers that say nothing, or half of what a peer says, cost a goroutine and little memory each, and peers
// get through all the while.
func TestThousandStrangers(t *testing.T) {
	m := newMesh(t)
	b := m.add("b", &handler{call: echo}, both(secrets("s"), func(c *link.Config) { c.HandshakeTime = time.Minute; c.MaxStrangers = 300 }))
	goroutines := runtime.NumGoroutine()
	for i := range 1000 {
		c := m.knock("b")
		if i%2 == 0 {
			io.WriteString(c, "Fmlp\x02\x02\x01\x00")
		}
		if i%100 == 0 {
			a := m.add("a", &handler{}, secrets("s"))
			_, err := a.Call(t.Context(), "b", "echo", nil)
			require.NoError(t, err)
			require.NoError(t, a.Close())
		}
	}
	require.Eventually(t, func() bool { return b.Metrics().Crowded == 700 }, 5*time.Second, time.Millisecond, "the oldest have to go")
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines+300+20 }, 5*time.Second, time.Millisecond)
}

func TestCrowdOfConnectionsOfOnePeer(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	var there recorder
	m.add("b", &handler{}, both(there.set, func(c *link.Config) { c.MaxPerPeer = 3 }))
	closed := make(chan error, 4)
	for range 4 { // which of them comes to be one too many is for b to say
		c, err := a.DialFrames(t.Context(), "b")
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
		go func() {
			_, err := io.ReadAll(c)
			closed <- err
		}()
	}
	if err := <-closed; err != nil {
		require.ErrorContains(t, err, "reset")
	}
	require.Empty(t, closed, "one is too many, not more")
	require.ErrorIs(t, there.lastRefusal(t), link.ErrCrowded)
}

// A stranger in the middle of his handshake costs one goroutine and a few KB, the memory of his own end among them.
func TestWhatAStrangerCosts(t *testing.T) {
	m := newMesh(t)
	m.add("b", &handler{}, both(secrets("s"), func(c *link.Config) { c.HandshakeTime = time.Minute }))
	held := func() (bytes uint64) {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapInuse + s.StackInuse
	}
	const strangers = 500
	before, goroutines := held(), runtime.NumGoroutine()
	for range strangers {
		c := m.knock("b")
		_, err := io.WriteString(c, "Fmlp\x02\x02\x01\x00")
		require.NoError(t, err)
		_, err = io.ReadFull(c, make([]byte, 40)) // it waits for the hello
		require.NoError(t, err)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines+strangers)
	require.LessOrEqual(t, held(), before+strangers*16<<10)
}
