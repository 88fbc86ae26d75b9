package link_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/peer/internal/link"
)

var overUnix = flag.Bool("unix", false, "have nodes that do not dial in a way of their own talk through Unix sockets")

func unixName(addr string) string { return "@link-test/" + addr }

func dialUnix(ctx context.Context, addr string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", unixName(addr))
}

// TestAllOverUnixSockets runs all the tests of this package once more.
func TestAllOverUnixSockets(t *testing.T) {
	if runtime.GOOS != "linux" || *overUnix || testing.Short() {
		t.Skip("needs abstract Unix sockets, and is itself over TCP")
	}
	left := 10 * time.Minute
	if until, ok := t.Deadline(); ok {
		left = time.Until(until) - 5*time.Second
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-unix", "-test.run=.", "-test.timeout="+left.String())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// list is strings that goroutines add.
type list struct {
	mu  sync.Mutex
	all []string
}

func (l *list) add(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, s)
}

func (l *list) get() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// callers adds where connections come from.
func (l *list) callers(c *link.Config) {
	c.Events.Connects = func(i link.ConnectInfo) {
		if !i.Dialled && !i.End {
			l.add(i.Addr)
		}
	}
}

// here is where a shorter way leads to.
func here(t *testing.T, answer func(net.Conn)) func(*link.Config) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var answers sync.WaitGroup
	answers.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			answers.Go(func() {
				answer(conn)
				io.Copy(io.Discard, conn)
				conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		answers.Wait()
	})
	return func(c *link.Config) {
		c.DialHere = func(ctx context.Context, _ string) (net.Conn, error) { return dialTCP(ctx, l.Addr().String()) }
	}
}

// TestShorterWayThatLeadsNowhere has handshakes fail by the shorter way: the usual one serves, nothing is told, and who did not answer
// at all is not asked again soon.
func TestShorterWayThatLeadsNowhere(t *testing.T) {
	for name, answer := range map[string]func(net.Conn){
		"closed": func(c net.Conn) { c.Close() },
		"closed later": func(c net.Conn) {
			io.ReadFull(c, make([]byte, 8))
			c.Close()
		},
		"silent":  func(net.Conn) {},
		"garbage": func(c net.Conn) { c.Write(bytes.Repeat([]byte("no peer "), 100)) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t)
			var tried, refused atomic.Int32
			watch := func(c *link.Config) {
				c.Events.Refused = func(*link.RefusedError) { refused.Add(1) }
			}
			a := m.add("a", &handler{}, both(watch, both(here(t, func(c net.Conn) {
				tried.Add(1)
				answer(c)
			}), func(c *link.Config) { c.HandshakeTime = time.Second })))
			var from list
			b := &handler{call: func(context.Context, string, string, []byte) ([]byte, error) { return []byte("b"), nil }}
			m.add("b", b, both(watch, from.callers))
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			got, err := a.Call(ctx, "b", "who", nil)
			require.NoError(t, err)
			require.Equal(t, "b", string(got))
			conn, err := a.Dial(ctx, "b", "any")
			require.NoError(t, err)
			conn.Close()
			want := 2
			if name == "silent" {
				want = 1
			}
			require.EqualValues(t, want, tried.Load())
			require.Len(t, from.get(), 1)
			require.Contains(t, from.get()[0], "127.0.0.1")
			require.Zero(t, refused.Load())
		})
	}
}

// TestImpatientCallers do not have the shorter way given up: whose time ends in the midst of a handshake says nothing of who answers.
func TestImpatientCallers(t *testing.T) {
	m := newMesh(t)
	slow := make(chan struct{})
	var tried atomic.Int32
	a := m.add("a", &handler{}, both(here(t, func(c net.Conn) {
		if tried.Add(1) <= 2 {
			<-slow
		}
	}), func(c *link.Config) { c.HandshakeTime = time.Minute }))
	m.add("b", &handler{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err := a.Dial(ctx, "b", "any")
	require.ErrorIs(t, err, context.Canceled)
	ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	conn, err := a.Dial(ctx, "b", "any") // half of its time
	require.NoError(t, err)
	conn.Close()
	close(slow)
	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	conn, err = a.Dial(ctx, "b", "any")
	require.NoError(t, err)
	conn.Close()
	require.EqualValues(t, 3, tried.Load())
}

// TestRefusedByTheShorterWay is final, and told once on each side; if it was another node who answered there, the caller is told nothing
// and goes the usual way.
func TestRefusedByTheShorterWay(t *testing.T) {
	for _, c := range []struct {
		name         string
		there, other func(*link.Config) // who answers by the usual way, and by the shorter one
		want         error
	}{
		{"secret", secrets("t"), secrets("t"), link.ErrSecret},
		{"another node", secrets("s"), both(secrets("s"), func(c *link.Config) { c.ID = "c" }), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMesh(t)
			var told, otherTold, thereTold atomic.Int32
			count := func(n *atomic.Int32) func(*link.Config) {
				return func(c *link.Config) { c.Events.Refused = func(*link.RefusedError) { n.Add(1) } }
			}
			echoes := &handler{call: echo}
			m.add("b", echoes, both(c.there, count(&thereTold)))
			m.add("other", echoes, both(c.other, count(&otherTold)))
			a := m.add("a", &handler{}, both(both(secrets("s"), count(&told)), func(c *link.Config) {
				c.DialHere = func(ctx context.Context, _ string) (net.Conn, error) {
					addr, _ := m.resolve("other")
					return dialTCP(ctx, addr)
				}
			}))
			_, err := a.Call(t.Context(), "b", "echo", nil)
			if c.want == nil {
				require.NoError(t, err)
				require.Zero(t, told.Load())
			} else {
				require.ErrorIs(t, err, c.want)
				require.EqualValues(t, 1, told.Load())
			}
			require.Eventually(t, func() bool { return otherTold.Load() == 1 }, 5*time.Second, time.Millisecond)
			require.Zero(t, thereTold.Load())
		})
	}
}

// TestShorterWay reads, calls and streams through a Unix socket; gossip goes as the network does.
func TestShorterWay(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("abstract Unix sockets are Linux's")
	}
	m := newMesh(t)
	var dialled, from list
	set := func(c *link.Config) {
		c.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			dialled.add(addr)
			return dialTCP(ctx, addr)
		}
		c.DialHere = dialUnix
	}
	a := m.add("a", &handler{}, set)
	block := random(1 << 20)
	b := m.add("b", &handler{
		block:  lend(block),
		call:   func(context.Context, string, string, []byte) ([]byte, error) { return nil, nil },
		stream: func(_, _ string, conn net.Conn) { conn.Write([]byte("hello")); conn.Close() },
	}, func(c *link.Config) {
		from.callers(c)
		c.Gossip = func(_ link.Peer, conn net.Conn) { conn.Close() }
	})
	if !*overUnix {
		addr, _ := m.resolve("b")
		here, err := net.Listen("unix", unixName(addr))
		require.NoError(t, err)
		m.serve(b, here)
	}
	dst := make([]byte, len(block))
	_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: int64(len(dst))}, [][]byte{dst}, nil)
	require.NoError(t, err)
	require.Equal(t, block, dst)
	_, err = a.Call(t.Context(), "b", "any", nil)
	require.NoError(t, err)
	conn, err := a.Dial(t.Context(), "b", "any")
	require.NoError(t, err)
	conn.Close()
	me := fmt.Sprintf("process %d", os.Getpid())
	require.Equal(t, []string{me, me}, from.get())
	require.Empty(t, dialled.get())
	addr, _ := m.resolve("b")
	conn, _, err = a.DialGossip(t.Context(), addr, "b")
	require.NoError(t, err)
	conn.Close()
	require.Equal(t, []string{addr}, dialled.get())
}
