package peer_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/netsim"
	"github.com/millpond/millpond/peer"
)

// TestLeaveIsSeenAtOnce, and as what it is.
func TestLeaveIsSeenAtOnce(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		ns := m.grow(3)
		meet(t, 10*time.Second, ns...)
		start := time.Now()
		require.NoError(t, ns[2].Leave(t.Context()))
		t.Logf("leaving took %v", time.Since(start))
		require.Less(t, time.Since(start), 2*time.Second)
		meet(t, 100*time.Millisecond, ns[:2]...)
		for _, n := range ns[:2] {
			require.Equal(t, peer.Left, n.Members()[2].State)
			require.NotContains(t, n.Owners(nil, peer.Key{1}, 3), "node-02")
			require.Equal(t, 2, n.Metrics().RingMembers, "it gives its keys up at once")
		}
		require.NoError(t, ns[2].Close(), "again")
	})
}

// TestLeaveWithinItsContext: whoever has no time goes without waiting, and Close ends the rest.
func TestLeaveWithinItsContext(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		ns := m.grow(2)
		meet(t, 10*time.Second, ns...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, ns[1].Leave(ctx), context.DeadlineExceeded)
		require.NoError(t, ns[1].Close())
		meet(t, time.Second, ns[0])
		require.Equal(t, peer.Left, ns[0].Members()[1].State)
		require.NoError(t, ns[1].Leave(t.Context()), "there is nothing left to leave")
	})
}

// TestCloseIsAFailure to the others, soon, and calls of both sides end.
func TestCloseIsAFailure(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		ns := m.grow(3)
		meet(t, 10*time.Second, ns...)
		talk(t, ns[0], ns[1])
		start := time.Now()
		require.NoError(t, ns[1].Close())
		require.LessOrEqual(t, time.Since(start), 2*time.Second)
		_, err := ns[1].Call(t.Context(), "node-00", "method", nil)
		require.ErrorIs(t, err, peer.ErrClosed)
		_, err = ns[0].Call(t.Context(), "node-01", "method", nil)
		require.ErrorIs(t, err, peer.ErrUnreachable)
		meet(t, 5*time.Second, ns[0], ns[2])
		require.Equal(t, peer.Failed, ns[0].Members()[1].State)
		_, err = ns[0].Call(t.Context(), "nobody", "method", nil)
		require.ErrorIs(t, err, peer.ErrUnreachable)
	})
}

// silent never answers.
type silent struct{ handler }

func (silent) ServeCall(ctx context.Context, _, _ string, _ []byte) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestCallToTheDeadEnds when they are seen to be dead, though nothing comes over the connection any more.
func TestCallToTheDeadEnds(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		a := m.start(0, nil)
		cfg := m.cfg
		cfg.Network = m.net.Host(ip(1))
		b, err := peer.Open(t.Context(), cfg, peer.Options{ID: "node-01", Handler: silent{}})
		require.NoError(t, err)
		meet(t, 10*time.Second, a, b)
		time.AfterFunc(time.Second, m.net.Host(ip(1)).Vanish)
		start := time.Now()
		_, err = a.Call(t.Context(), "node-01", "method", nil)
		require.ErrorIs(t, err, peer.ErrUnknownOutcome)
		require.Less(t, time.Since(start), 5*time.Second)
		require.NoError(t, b.Close())
	})
}

// TestAloneClosesAtOnce: a node that has met nobody has nothing to wait for.
func TestAloneClosesAtOnce(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		a := m.start(0, nil)
		start := time.Now()
		require.NoError(t, a.Leave(t.Context()))
		require.Zero(t, time.Since(start))
	})
}

// TestOpenFails and leaves nothing behind: the port is free after it. That is seen in memory: a port of the system that has come free may be
// another process's next.
func TestOpenFails(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		host := netsim.New(1).Host(ip(0))
		cfg := peer.Config{Bind: ":7946", Secret: secret, Network: host}
		cfg.Advertise = "no.such.host.invalid:1"
		_, err := peer.Open(t.Context(), cfg, peer.Options{Handler: handler{}})
		require.ErrorContains(t, err, "peer.Config.Advertise")
		cfg.Advertise = ""
		open(t, cfg, "a")
	})
	a := open(t, peer.Config{}, "a")
	_, err := peer.Open(t.Context(), peer.Config{Bind: a.Addr()}, peer.Options{Handler: handler{}})
	require.ErrorContains(t, err, "peer.Config.Bind")
	_, err = peer.Open(t.Context(), peer.Config{Bind: "x"}, peer.Options{ID: "a/b"})
	require.ErrorContains(t, err, `Config.Bind is "x"`)
	require.ErrorContains(t, err, `Options.ID is "a/b"`)
	require.ErrorContains(t, err, "Options.Handler is nil")
}

// TestDetection says how soon a node that is killed, and one that vanishes, is seen to be dead.
func TestDetection(t *testing.T) {
	for _, n := range []int{2, 3, 10} {
		var all []time.Duration
		for range 10 {
			bubbletest.Test(t, func(t *testing.T) {
				m := newMesh(t)
				ns := m.grow(n)
				meet(t, 10*time.Second, ns...)
				time.Sleep(5 * time.Second)
				start := time.Now()
				m.net.Host(ip(n - 1)).Vanish()
				meet(t, 10*time.Second, ns[:n-1]...)
				all = append(all, time.Since(start))
			})
		}
		slices.Sort(all)
		t.Logf("of %d nodes one dies: all others know after %v in the median, %v at most", n, all[5], all[9])
		require.Less(t, all[9], 5*time.Second)
	}
}
