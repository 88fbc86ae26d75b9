package peer_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/netsim"
	"github.com/millpond/millpond/peer"
)

// handler answers calls with who and what was asked, blocks with their key's bytes, and streams with what they say.
type handler struct{}

func (handler) ServeBlock(_ context.Context, _ string, r *peer.BlockRequest, w *peer.BlockWriter) error {
	if r.Key == (peer.Key{}) {
		return peer.ErrMissing
	}
	return w.Lend([]byte(strings.Repeat(string(r.Key[:1]), int(r.Length))), nil)
}

func (handler) ServeCall(_ context.Context, from, method string, req []byte) ([]byte, error) {
	return fmt.Appendf(nil, "%s %s %s", from, method, req), nil
}

func (handler) ServeStream(_, _ string, conn net.Conn) {
	_, _ = io.Copy(conn, conn)
	_ = conn.Close()
}

// open opens a mesh that ends with the test.
func open(t *testing.T, cfg peer.Config, id string) *peer.Mesh {
	t.Helper()
	m, err := peer.Open(t.Context(), cfg, peer.Options{ID: id, Handler: handler{}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

// alive are the ids that a node believes alive.
func alive(m *peer.Mesh) string {
	var ids []string
	for _, o := range m.Members() {
		if o.State == peer.Alive {
			ids = append(ids, o.ID)
		}
	}
	return strings.Join(ids, " ")
}

// meet waits until nodes believe that they, and nobody else, are alive.
func meet(t *testing.T, within time.Duration, ms ...*peer.Mesh) {
	t.Helper()
	var ids []string
	for _, m := range ms {
		ids = append(ids, m.ID())
	}
	slices.Sort(ids)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for _, m := range ms {
		for changed := m.Changed(); alive(m) != strings.Join(ids, " "); changed = m.Changed() {
			select {
			case <-changed:
			case <-ctx.Done():
				require.Equal(t, strings.Join(ids, " "), alive(m), "at %s, after %v", m.ID(), within)
			}
		}
	}
}

// talk does one of each between two nodes.
func talk(t *testing.T, from, to *peer.Mesh) {
	t.Helper()
	answer, err := from.Call(t.Context(), to.ID(), "method", []byte("request"))
	require.NoError(t, err)
	require.Equal(t, from.ID()+" method request", string(answer))
	got := make([]byte, 3)
	_, err = from.ReadBlock(t.Context(), to.ID(), peer.BlockRequest{Key: peer.Key{'k'}, Length: 3}, [][]byte{got}, nil)
	require.NoError(t, err)
	require.Equal(t, "kkk", string(got))
	_, err = from.ReadBlock(t.Context(), to.ID(), peer.BlockRequest{Length: 3}, [][]byte{got}, nil)
	require.ErrorIs(t, err, peer.ErrMissing)
	conn, err := from.Dial(t.Context(), to.ID(), "echo")
	require.NoError(t, err)
	_, err = conn.Write([]byte("hello"))
	require.NoError(t, err)
	_, err = io.ReadFull(conn, make([]byte, 5))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

// TestThreeOverLoopback is a mesh over the operating system's network.
func TestThreeOverLoopback(t *testing.T) {
	for name, cfg := range map[string]peer.Config{
		"open":      {},
		"secret":    {Secret: secret},
		"encrypted": {Secret: secret, Encrypt: true},
	} {
		t.Run(name, func(t *testing.T) {
			a := open(t, cfg, "a")
			cfg.Join = []string{a.Addr()}
			b, c := open(t, cfg, "b"), open(t, cfg, "c")
			meet(t, 20*time.Second, a, b, c)
			talk(t, b, c)
			talk(t, c, a)
			key := peer.Key{1, 2, 3}
			require.Equal(t, a.Owners(nil, key, 2), b.Owners(nil, key, 2))
			require.NoError(t, c.Leave(t.Context()))
			meet(t, 20*time.Second, a, b)
		})
	}
}

// mesh is some nodes over a network in memory.
type mesh struct {
	t   *testing.T
	net *netsim.Net
	cfg peer.Config
}

func newMesh(t *testing.T) *mesh {
	n := netsim.New(1)
	return &mesh{t: t, net: n, cfg: peer.Config{Bind: ":7946", Secret: secret, Join: []string{"mesh.test:7946"}}}
}

func ip(i int) string { return fmt.Sprintf("10.0.%d.%d", i/250, 1+i%250) }

// start opens node i at the i-th address, and makes the name of the mesh have all addresses up to it.
func (m *mesh) start(i int, change func(*peer.Config)) *peer.Mesh {
	m.t.Helper()
	cfg := m.cfg
	cfg.Network = m.net.Host(ip(i))
	if change != nil {
		change(&cfg)
	}
	var ips []string
	for k := range i + 1 {
		ips = append(ips, ip(k))
	}
	m.net.SetName("mesh.test", ips...)
	return open(m.t, cfg, fmt.Sprintf("node-%02d", i))
}

func (m *mesh) grow(n int) (nodes []*peer.Mesh) {
	for i := range n {
		nodes = append(nodes, m.start(i, nil))
	}
	return nodes
}

func TestThreeInMemory(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		ns := m.grow(3)
		meet(t, 10*time.Second, ns...)
		talk(t, ns[0], ns[2])
		m.net.Host(ip(1)).Kill()
		meet(t, 5*time.Second, ns[0], ns[2])
	})
}
