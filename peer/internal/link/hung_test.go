package link_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/netsim"
	"github.com/millpond/millpond/peer/internal/link"
)

// hosts is nodes "a" and "b" on a network whose connections take a window of bytes that nobody reads.
func hosts(t *testing.T, n *netsim.Net, b link.Handler) (a *link.Endpoint) {
	addrs := map[string]string{"a": "10.0.0.1", "b": "10.0.0.2"}
	for id, ip := range addrs {
		host := n.Host(ip)
		l, _, err := host.Listen(t.Context(), ":7946")
		require.NoError(t, err)
		e, err := link.New(link.Config{
			ID: id, Handler: b, Dial: func(ctx context.Context, addr string) (net.Conn, error) { return host.Dial(ctx, addr) },
			Resolve: func(id string) (string, bool) { return addrs[id] + ":7946", true },
		})
		require.NoError(t, err)
		go e.Serve(l)
		t.Cleanup(func() { e.Close() })
		if id == "a" {
			a = e
		}
	}
	return a
}

// TestSmallRequestsOfAHungPeer end with their contexts although the connection takes no more bytes, and break it off for
// nobody: what was asked before is answered when the peer goes on.
func TestSmallRequestsOfAHungPeer(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		a := hosts(t, n, &handler{call: echo, block: lend(random(4 << 10))})
		_, err := a.Call(t.Context(), "b", "m", nil)
		require.NoError(t, err)
		n.Cut("10.0.0.1", "10.0.0.2") // it says nothing any more
		before := make(chan error, 2)
		for range cap(before) { // nearly a window
			go func() {
				_, err := a.Call(t.Context(), "b", "m", make([]byte, 126<<10))
				before <- err
			}()
		}
		synctest.Wait()
		for i := range 30 {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			began := time.Now()
			var err error
			if i%2 == 0 {
				_, err = a.Call(ctx, "b", "m", make([]byte, 1<<10))
			} else {
				_, err = a.ReadBlock(ctx, "b", link.BlockRequest{Length: 100, Hint: make([]byte, 1<<10)}, [][]byte{make([]byte, 100)}, nil)
			}
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, 100*time.Millisecond, time.Since(began), "request %d", i)
		}
		n.Heal()
		for range cap(before) {
			require.NoError(t, <-before)
		}
	})
}

// crowded is a node "a" and a node "b" whose room for calls is taken for a minute.
func crowded(t *testing.T) (a *link.Endpoint, there *recorder) {
	p := &pipes{ends: map[string]*pipeEnd{}}
	a, other := p.node(t, "a", &handler{}, nil), p.node(t, "c", &handler{}, nil)
	there = &recorder{}
	p.node(t, "b", &handler{block: lend(random(4 << 10)), call: func(_ context.Context, _, method string, _ []byte) ([]byte, error) {
		if method == "takes all" {
			time.Sleep(time.Minute)
		}
		return nil, nil
	}}, both(there.set, func(c *link.Config) { c.CallBytes = link.MaxCall }))
	taken := make(chan error, 1)
	go func() {
		_, err := other.Call(context.Background(), "b", "takes all", make([]byte, link.MaxCall))
		taken <- err
	}()
	t.Cleanup(func() { require.NoError(t, <-taken) })
	synctest.Wait()
	return a, there
}

// TestRoomIsWaitedForWithinTheDeadline: a call for which there is no room ends there, too, at its deadline; what comes behind it on
// the connection goes on.
func TestRoomIsWaitedForWithinTheDeadline(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		a, there := crowded(t)
		for _, size := range []int{10, 100 << 10} {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			_, err := a.Call(ctx, "b", "m", make([]byte, size))
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			dst := make([]byte, 100)
			began := time.Now()
			_, err = a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: 100}, [][]byte{dst}, nil)
			require.NoError(t, err)
			require.Zero(t, time.Since(began))
		}
		require.Equal(t, [2]int{3, 0}, there.connections(), "the connections stay")
	})
}

// TestNoRoomForLong: a call without a deadline is given up when its caller would give up writing it.
func TestNoRoomForLong(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		a, _ := crowded(t)
		began := time.Now()
		_, err := a.Call(t.Context(), "b", "m", make([]byte, 10))
		require.ErrorIs(t, err, link.ErrUnknownOutcome)
		require.Equal(t, 10*time.Second, time.Since(began))
	})
}
