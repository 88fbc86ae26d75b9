package peer_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/peer"
)

// client is one on a host of its own that asks node 0 and others, and ends with the test.
func (m *mesh) client(change func(*peer.DialConfig)) *peer.Client {
	m.t.Helper()
	cfg := peer.DialConfig{Addresses: []string{"mesh.test:7946"}, Secret: m.cfg.Secret, Encrypt: m.cfg.Encrypt, Network: m.net.Host("10.9.9.9")}
	if change != nil {
		change(&cfg)
	}
	c, err := peer.Dial(cfg)
	require.NoError(m.t, err)
	m.t.Cleanup(func() { require.NoError(m.t, c.Close()) })
	return c
}

// TestClient: one that is no member calls, reads and streams, and the nodes do not take it for one of them.
func TestClient(t *testing.T) {
	for _, encrypt := range []bool{false, true} {
		bubbletest.Test(t, func(t *testing.T) {
			m := newMesh(t)
			m.cfg.Encrypt = encrypt
			ns := m.grow(2)
			meet(t, 10*time.Second, ns...)
			c := m.client(nil)
			addrs, err := c.Addresses(t.Context())
			require.NoError(t, err)
			require.ElementsMatch(t, []string{ns[0].Addr(), ns[1].Addr()}, addrs)
			for _, addr := range addrs {
				answer, err := c.Call(t.Context(), addr, "method", []byte("request"))
				require.NoError(t, err)
				from, rest, _ := strings.Cut(string(answer), " ")
				require.True(t, peer.IsClient(from), from)
				require.Equal(t, "method request", rest)
				got := make([]byte, 3)
				_, err = c.ReadBlock(t.Context(), addr, peer.BlockRequest{Key: peer.Key{'k'}, Length: 3}, [][]byte{got}, nil)
				require.NoError(t, err)
				require.Equal(t, "kkk", string(got))
				conn, err := c.Dial(t.Context(), addr, "echo")
				require.NoError(t, err)
				_, err = conn.Write([]byte("hello"))
				require.NoError(t, err)
				_, err = io.ReadFull(conn, make([]byte, 5))
				require.NoError(t, err)
				require.NoError(t, conn.Close())
			}
			time.Sleep(10 * time.Second)
			meet(t, time.Second, ns...)
			require.Len(t, ns[0].Members(), 2)
			m.net.Host(ip(1)).Kill()
			_, err = c.ReadBlock(t.Context(), ns[1].Addr(), peer.BlockRequest{}, nil, nil)
			require.ErrorIs(t, err, peer.ErrUnreachable)
			for _, n := range ns {
				require.False(t, peer.IsClient(n.ID()))
			}
		})
	}
}

// TestClientRefused: a client with the wrong secret, cluster or none at all is refused, and both sides say why.
func TestClientRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*peer.DialConfig)
		want   error
	}{
		"another secret":  {func(c *peer.DialConfig) { c.Secret = newSecret }, peer.ErrSecret},
		"no secret":       {func(c *peer.DialConfig) { c.Secret = "" }, peer.ErrSecurity},
		"another cluster": {func(c *peer.DialConfig) { c.Cluster = "other" }, peer.ErrCluster},
		"encrypted":       {func(c *peer.DialConfig) { c.Encrypt = true }, peer.ErrSecurity},
		"a clock 6 minutes off": {func(c *peer.DialConfig) {
			c.Now = func() time.Time { return time.Now().Add(6 * time.Minute) }
		}, peer.ErrClock},
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				m := newMesh(t)
				var there refusals
				n := m.start(0, there.listen)
				_, err := m.client(c.change).Call(t.Context(), n.Addr(), "method", nil)
				require.ErrorIs(t, err, c.want)
				require.ErrorIs(t, err, peer.ErrUnreachable)
				there.has(t, c.want, "")
			})
		})
	}
}

// TestDialConfigChecked: all that is wrong is said at once, by the names of DialConfig.
func TestDialConfigChecked(t *testing.T) {
	_, err := peer.Dial(peer.DialConfig{Secret: "short", Addresses: []string{"host"}})
	require.ErrorContains(t, err, "peer.DialConfig.Addresses[0]")
	require.ErrorContains(t, err, "peer.DialConfig.Secret")
	_, err = peer.Dial(peer.DialConfig{Encrypt: true})
	require.ErrorContains(t, err, "peer.DialConfig.Addresses is empty")
	require.ErrorContains(t, err, "peer.DialConfig.Encrypt")
}
