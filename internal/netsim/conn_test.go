package netsim_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/netsim"
)

const (
	a = "10.0.0.1"
	b = "10.0.0.2"
	c = "10.0.0.3"
)

// connect makes a connection from a to b; all ends when the test does.
func connect(t *testing.T, n *netsim.Net) (here, there net.Conn) {
	t.Helper()
	l, p, err := n.Host(b).Listen(t.Context(), ":7")
	require.NoError(t, err)
	here, err = n.Host(a).Dial(t.Context(), b+":7")
	require.NoError(t, err)
	there, err = l.Accept()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.NoError(t, p.Close())
	t.Cleanup(func() { _ = here.Close(); _ = there.Close() })
	return here, there
}

func noise(n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{1})
	_, _ = src.Read(b)
	return b
}

func TestEchoOfMoreThanAWindow(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		here, there := connect(t, netsim.New(1))
		require.Equal(t, b+":7", here.RemoteAddr().String())
		require.Equal(t, here.LocalAddr().String(), there.RemoteAddr().String())
		want := noise(3 << 20)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = io.Copy(there, there) })
		wg.Go(func() {
			n, err := here.Write(want)
			require.NoError(t, err)
			require.Equal(t, len(want), n)
		})
		got := make([]byte, len(want))
		_, err := io.ReadFull(here, got)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got))
		require.NoError(t, here.Close())
		wg.Wait()
	})
}

func TestCloseIsSeenAfterTheBytes(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		here, there := connect(t, netsim.New(1))
		_, err := here.Write([]byte("last words"))
		require.NoError(t, err)
		require.NoError(t, here.Close())
		require.ErrorIs(t, here.Close(), net.ErrClosed)
		_, err = here.Read(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		all, err := io.ReadAll(there)
		require.NoError(t, err)
		require.Equal(t, "last words", string(all))
		_, err = there.Write([]byte("too late"))
		require.ErrorIs(t, err, syscall.EPIPE)
	})
}

func TestCloseWakes(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		here, _ := connect(t, netsim.New(1))
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := here.Read(make([]byte, 1))
			require.ErrorIs(t, err, net.ErrClosed)
		})
		wg.Go(func() {
			_, err := here.Write(make([]byte, 1<<20))
			require.ErrorIs(t, err, net.ErrClosed)
		})
		synctest.Wait()
		require.NoError(t, here.Close())
		wg.Wait()
	})
}

func TestDeadlines(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		here, _ := connect(t, netsim.New(1))
		start := time.Now()
		require.NoError(t, here.SetReadDeadline(start.Add(time.Second)))
		_, err := here.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())
		require.Equal(t, time.Second, time.Since(start))
		require.NoError(t, here.SetWriteDeadline(time.Now().Add(time.Second)))
		n, err := here.Write(make([]byte, 1<<20))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, 256<<10, n, "a window of bytes is taken")
		require.NoError(t, here.SetDeadline(time.Time{}))
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := here.Read(make([]byte, 1))
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		})
		synctest.Wait()
		require.NoError(t, here.SetReadDeadline(time.Now()), "wakes who reads")
		wg.Wait()
	})
}

func TestRateAndLatency(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		n.SetLink(a, b, netsim.Link{Latency: 50 * time.Millisecond, Rate: 1 << 20})
		here, there := connect(t, n)
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = here.Write(make([]byte, 2<<20)) })
		_, err := io.ReadFull(there, make([]byte, 2<<20))
		require.NoError(t, err)
		require.InDelta(t, 2.05, time.Since(start).Seconds(), 0.01)
		wg.Wait()
	})
}

func TestLossDelaysAConnection(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		n.SetAll(netsim.Link{Loss: 1})
		here, there := connect(t, n)
		start := time.Now()
		_, err := here.Write([]byte("x"))
		require.NoError(t, err)
		_, err = there.Read(make([]byte, 1))
		require.NoError(t, err)
		require.Equal(t, 200*time.Millisecond, time.Since(start))
	})
}

func TestDial(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		host := n.Host(a)
		n.Host(b)
		_, err := host.Dial(t.Context(), b+":9")
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err = host.Dial(ctx, "10.0.0.99:9")
		require.ErrorIs(t, err, context.DeadlineExceeded, "nobody answers")
		require.Equal(t, time.Second, time.Since(start))
		_, err = host.Dial(t.Context(), "10.0.0.99:9")
		require.ErrorIs(t, err, syscall.ETIMEDOUT)
		_, _, err = host.Listen(t.Context(), b+":9")
		require.ErrorIs(t, err, syscall.EADDRNOTAVAIL)
		l, p, err := host.Listen(t.Context(), "0.0.0.0:0")
		require.NoError(t, err)
		_, _, err = host.Listen(t.Context(), l.Addr().String())
		require.ErrorIs(t, err, syscall.EADDRINUSE)
		require.Equal(t, l.Addr().String(), p.LocalAddr().String(), "one port for both")
		self, err := host.Dial(t.Context(), l.Addr().String())
		require.NoError(t, err)
		require.NoError(t, l.Close())
		require.NoError(t, p.Close())
		_, err = self.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET, "it was never accepted")
		require.NoError(t, self.Close())
	})
}

// TestLinkOfAnOpenConnection: what is set holds for connections that are open, too.
func TestLinkOfAnOpenConnection(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		here, there := connect(t, n)
		n.SetLink(a, b, netsim.Link{Latency: time.Second})
		began := time.Now()
		_, err := here.Write([]byte("x"))
		require.NoError(t, err)
		_, err = io.ReadFull(there, make([]byte, 1))
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(began))
	})
}
