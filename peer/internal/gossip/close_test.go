package gossip_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/peer/internal/gossip"
)

// joins lets a node join an address at which nobody answers: the connection is made, or not even that.
func joins(t *testing.T, m *mesh, n *node, connects bool) (ended chan error) {
	l, _, err := m.net.Host(ip(9)).Listen(t.Context(), ":7946")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	if !connects {
		m.net.Cut(ip(0), ip(9))
	}
	ended = make(chan error, 1)
	go func() {
		_, err := n.Join([]string{addr(9)})
		ended <- err
	}()
	synctest.Wait()
	require.Empty(t, ended, "nobody answers it")
	return ended
}

// TestCloseBreaksJoinOff: an address at which nobody answers holds neither Close nor Leave up.
func TestCloseBreaksJoinOff(t *testing.T) {
	for name, connects := range map[string]bool{"silent": true, "unreachable": false} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				m := newMesh(t)
				n := m.start(0, nil)
				ended := joins(t, m, n, connects)
				began := time.Now()
				require.NoError(t, n.Close())
				require.LessOrEqual(t, time.Since(began), 400*time.Millisecond, "as long as a probe may take")
				require.Error(t, <-ended)
			})
		})
	}
}

func TestLeaveBreaksJoinOff(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		ns := m.grow(2)
		m.until(10*time.Second, ns...)
		ended := joins(t, m, ns[0], true)
		began := time.Now()
		require.NoError(t, ns[0].Leave(t.Context()))
		require.LessOrEqual(t, time.Since(began), 2*time.Second, "a second for the join, and some rounds of gossip")
		require.Error(t, <-ended)
		m.until(time.Second, ns[1])
		_, err := ns[0].Join([]string{addr(1)})
		require.ErrorIs(t, err, net.ErrClosed, "it would undo the Leave")
	})
}

// TestLeaveAwaitsAJoin that goes on: those whom it meets are told that the node leaves, and do not take it for failed.
func TestLeaveAwaitsAJoin(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		there := m.start(1, nil)
		n := m.start(0, func(c *gossip.Config) {
			dial := c.Dial
			c.Dial = func(ctx context.Context, addr, id string) (net.Conn, error) {
				time.Sleep(300 * time.Millisecond) // a long way
				return dial(ctx, addr, id)
			}
		})
		joined := make(chan error, 1)
		go func() {
			_, err := n.Join([]string{addr(1)})
			joined <- err
		}()
		synctest.Wait()
		require.NoError(t, n.Leave(t.Context()))
		require.NoError(t, <-joined)
		require.NoError(t, n.Close())
		synctest.Wait()
		there.mu.Lock()
		defer there.mu.Unlock()
		require.Equal(t, gossip.Left, there.known["node-0"].Kind)
	})
}
