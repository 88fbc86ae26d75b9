package peer_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/peer"
)

// ways collects how connections for calls and blocks came.
type ways struct {
	mu    sync.Mutex
	taken map[string]bool
}

const (
	byUnix = "unix"
	byTCP  = "TCP"
)

func (w *ways) watch(cfg peer.Config) peer.Config {
	cfg.Events.Conn = func(i peer.ConnInfo) {
		if i.Dialled || i.End {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.taken == nil {
			w.taken = map[string]bool{}
		}
		way := byTCP
		if i.Unix {
			way = byUnix
		}
		w.taken[way] = true
	}
	return cfg
}

func (w *ways) require(t *testing.T, want string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Equal(t, map[string]bool{want: true}, w.taken)
}

// needsUser skips a test for who has no Unix sockets.
func needsUser(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 65534 {
		t.Skip("nobody talks over TCP")
	}
}

// twoOfAHost opens two nodes, has them talk, and says where b is called from.
func twoOfAHost(t *testing.T, one, other peer.Config) *ways {
	t.Helper()
	var from ways
	b := open(t, from.watch(other), "b")
	one.Join = []string{b.Addr()}
	a := open(t, one, "a")
	meet(t, 20*time.Second, a, b)
	talk(t, a, b)
	return &from
}

// TestNodesOfAHost talk through a Unix socket, unless one of them will not, or something is between them.
func TestNodesOfAHost(t *testing.T) {
	needsUser(t)
	tcp := peer.Config{Secret: secret, TCPOnly: true}
	type pair struct {
		one, other peer.Config
		want       string
	}
	pairs := map[string]pair{
		"loopback":             {peer.Config{}, peer.Config{}, byUnix},
		"secret":               {peer.Config{Secret: secret}, peer.Config{Secret: secret}, byUnix},
		"encrypted":            {peer.Config{Secret: secret, Encrypt: true}, peer.Config{Secret: secret, Encrypt: true}, byUnix},
		"all interfaces":       {peer.Config{Secret: secret, Bind: ":0"}, peer.Config{Secret: secret, Bind: ":0"}, byUnix},
		"advertised":           {peer.Config{Secret: secret, Bind: ":0"}, peer.Config{Secret: secret, Bind: ":0", Advertise: "127.0.0.1:0"}, byUnix},
		"who calls will not":   {tcp, peer.Config{Secret: secret}, byTCP},
		"who is called cannot": {peer.Config{Secret: secret}, tcp, byTCP},
	}
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Logf("not over IPv6: %v", err)
	} else {
		require.NoError(t, l.Close())
		six := peer.Config{Bind: "[::1]:0"}
		pairs["IPv6"] = pair{six, six, byUnix}
	}
	for name, p := range pairs {
		t.Run(name, func(t *testing.T) { twoOfAHost(t, p.one, p.other).require(t, p.want) })
	}
}

// ownAddr is an address of the loopback that no other process takes.
func ownAddr() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d:7946", 64+pid>>16&63, pid>>8&255, pid&255)
}

// TestNodeBehindAProxy is not reached past it.
func TestNodeBehindAProxy(t *testing.T) {
	bind := ownAddr()
	proxy, err := faultproxy.StartTCP(bind)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, proxy.Close()) })
	var from ways
	b := open(t, from.watch(peer.Config{Bind: bind, Advertise: proxy.Addr()}), "b")
	c, err := peer.Dial(peer.DialConfig{Addresses: []string{b.Addr()}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	_, err = c.Call(t.Context(), proxy.Addr(), "method", nil)
	require.NoError(t, err)
	from.require(t, byTCP)
}

// TestAddressOfAnotherHost: a node does not have the name of an address that is not this host's, and is not called by it.
func TestAddressOfAnotherHost(t *testing.T) {
	const elsewhere = "192.0.2.1" // of nobody
	b := open(t, peer.Config{Secret: secret, Bind: ":0", Advertise: elsewhere + ":0"}, "b")
	_, err := net.Dial("unix", "@millpond/"+b.Addr())
	require.ErrorIs(t, err, unix.ECONNREFUSED)

	l, err := net.Listen("unix", "@millpond/"+b.Addr())
	require.NoError(t, err)
	defer l.Close()
	c, err := peer.Dial(peer.DialConfig{Addresses: []string{b.Addr()}, Secret: secret})
	require.NoError(t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = c.Call(ctx, b.Addr(), "method", nil)
	require.Error(t, err)
	require.NoError(t, l.(*net.UnixListener).SetDeadline(time.Now()))
	_, err = l.Accept()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "it was called")
}

// TestClientOfTheHost goes the way that nodes go.
func TestClientOfTheHost(t *testing.T) {
	needsUser(t)
	for tcpOnly, want := range map[bool]string{false: byUnix, true: byTCP} {
		var from ways
		b := open(t, from.watch(peer.Config{}), "b")
		c, err := peer.Dial(peer.DialConfig{Addresses: []string{b.Addr()}, TCPOnly: tcpOnly})
		require.NoError(t, err)
		_, err = c.Call(t.Context(), b.Addr(), "method", nil)
		require.NoError(t, err)
		from.require(t, want)
		require.NoError(t, c.Close())
	}
}

// asNobody calls f in a thread of another user.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be somebody else")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		const nobody = 65534
		_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody)
		if errno != 0 {
			done <- errno
			return
		}
		f()
		done <- nil
	}()
	require.NoError(t, <-done)
}

// TestStrangersOnTheHost: another user neither serves in a node's place nor calls it through a Unix socket.
func TestStrangersOnTheHost(t *testing.T) {
	needsUser(t)
	bind := ownAddr()
	var taken net.Listener
	var err error
	asNobody(t, func() { taken, err = net.Listen("unix", "@millpond/"+bind) })
	require.NoError(t, err)
	var got sync.WaitGroup
	got.Go(func() {
		for {
			c, err := taken.Accept()
			if err != nil {
				return
			}
			c.SetReadDeadline(time.Now().Add(5 * time.Second))
			if n, _ := c.Read(make([]byte, 1)); n > 0 {
				t.Error("a node speaks to another user")
			}
			c.Close()
		}
	})
	twoOfAHost(t, peer.Config{Secret: secret}, peer.Config{Secret: secret, Bind: bind}).require(t, byTCP)
	require.NoError(t, taken.Close())
	got.Wait()

	b := open(t, peer.Config{Secret: secret}, "c")
	var conn net.Conn
	asNobody(t, func() { conn, err = net.Dial("unix", "@millpond/"+b.Addr()) })
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(500*time.Millisecond))) // half of what a stranger has
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "another user is not turned away at once")
}

// TestNobodyHasNoUnixSocket: the system gives the number of that user for others as well.
func TestNobodyHasNoUnixSocket(t *testing.T) {
	var b *peer.Mesh
	var err error
	asNobody(t, func() { b, err = peer.Open(t.Context(), peer.Config{}, peer.Options{ID: "b", Handler: handler{}}) })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	_, err = net.Dial("unix", "@millpond/"+b.Addr())
	require.ErrorIs(t, err, unix.ECONNREFUSED)
}

// TestPlainBytesThroughAUnixSocket are answered as those through TCP: by the end of the connection, and an event.
func TestPlainBytesThroughAUnixSocket(t *testing.T) {
	needsUser(t)
	refused := make(chan peer.RefusedInfo, 1)
	b := open(t, peer.Config{Secret: secret, Events: peer.Events{Refused: func(i peer.RefusedInfo) { refused <- i }}}, "b")
	conn, err := net.Dial("unix", "@millpond/"+b.Addr())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: here\r\n\r\n" + strings.Repeat("x", 1000)))
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	for err == nil {
		_, err = conn.Read(make([]byte, 1000))
	}
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	select {
	case i := <-refused:
		require.Equal(t, fmt.Sprintf("process %d", os.Getpid()), i.Addr)
		require.ErrorIs(t, i.Err, peer.ErrNotPeer)
	case <-time.After(10 * time.Second):
		t.Error("nobody is told")
	}
}
