package link_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/certtest"
	"github.com/millpond/millpond/peer/internal/link"
)

// both makes a Config of several changes.
func both(sets ...func(*link.Config)) func(*link.Config) {
	return func(c *link.Config) {
		for _, s := range sets {
			s(c)
		}
	}
}

func secrets(s ...string) func(*link.Config) { return func(c *link.Config) { c.Secrets = s } }
func encrypt(c *link.Config)                 { c.Encrypt = true }
func plain(*link.Config)                     {}

func echo(_ context.Context, _, _ string, req []byte) ([]byte, error) { return req, nil }

func TestRefusalsAreSaidOnBothSides(t *testing.T) {
	ahead := func(c *link.Config) { c.Now = func() time.Time { return time.Now().Add(7 * time.Minute) } }
	renamed := func(id string) func(*link.Config) { return func(c *link.Config) { c.ID = id } }
	for _, c := range []struct {
		name           string
		caller, called func(*link.Config)
		reason         error
		text           string // in what the caller is told
	}{
		{"secret", secrets("one"), secrets("two"), link.ErrSecret, ""},
		{"secret, encrypted", both(secrets("one"), encrypt), both(secrets("two"), encrypt), link.ErrSecret, ""},
		{"cluster", func(c *link.Config) { c.Cluster = "red" }, plain, link.ErrCluster, `node a is of cluster "red", node b of cluster "test"`},
		{"clock ahead", both(secrets("s"), ahead), secrets("s"), link.ErrClock, "node a is 7m0s ahead of node b: want at most 5m0s"},
		{"clock behind", plain, ahead, link.ErrClock, "node a is -7m0s ahead of node b"},
		{"identity", plain, renamed("z"), link.ErrIdentity, "node b was called, this is node z"},
		{"same id", renamed("b"), plain, link.ErrSameID, "is a directory copied, or shared?"},
		{"secret here, none there", secrets("s"), plain, link.ErrSecurity, "here a secret, there nothing"},
		{"none here, secret there", plain, secrets("s"), link.ErrSecurity, "here nothing, there a secret"},
		{"encrypted here only", both(secrets("s"), encrypt), secrets("s"), link.ErrSecurity, "here a secret that encrypts, there a secret"},
		{"version", func(c *link.Config) { c.Oldest, c.Newest = 3, 4 }, plain, link.ErrVersion, "here 3 to 4, there 2 to 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMesh(t)
			var here, there recorder
			a := m.add("a", &handler{}, both(c.caller, here.set))
			m.add("b", &handler{call: echo}, both(c.called, there.set))
			_, err := a.Call(t.Context(), "b", "echo", nil)
			require.ErrorIs(t, err, link.ErrUnreachable)
			require.ErrorIs(t, err, c.reason)
			require.ErrorContains(t, err, c.text)
			require.ErrorIs(t, here.lastRefusal(t), c.reason)
			require.ErrorIs(t, there.lastRefusal(t), c.reason)
		})
	}
}

// Who is called has to prove that it knows the secret, too.
func TestImpostorIsNotBelieved(t *testing.T) {
	m := newMesh(t)
	var here recorder
	a := m.add("a", &handler{}, both(secrets("s"), here.set, func(c *link.Config) {
		c.Dial = func(context.Context, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				if link.Impostor(far, "b", "test") == nil {
					io.Copy(io.Discard, far)
				}
				far.Close()
			}()
			return near, nil
		}
		c.Resolve = func(id string) (string, bool) { return id, true }
	}))
	_, err := a.Call(t.Context(), "b", "m", []byte("a file's name"))
	require.ErrorIs(t, err, link.ErrSecret)
	require.ErrorIs(t, here.lastRefusal(t), link.ErrSecret)
}

func TestCallOfOneself(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	addr, _ := m.resolve("a")
	_, _, err := a.DialGossip(t.Context(), addr, "")
	require.ErrorIs(t, err, link.ErrSelf)
}

func TestVersionsThatMeet(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, func(c *link.Config) { c.Oldest, c.Newest = 1, 9 })
	m.add("b", &handler{call: echo}, nil)
	_, err := a.Call(t.Context(), "b", "echo", nil)
	require.NoError(t, err)
}

// A change of secrets goes by three steps, in each of which nodes of this step and of the one before work together.
func TestChangeOfSecrets(t *testing.T) {
	for _, set := range []func(*link.Config){plain, encrypt} {
		steps := [][]string{{"old"}, {"old", "new"}, {"new", "old"}, {"new"}}
		for i := range len(steps) - 1 {
			m := newMesh(t)
			a := m.add("a", &handler{call: echo}, both(secrets(steps[i]...), set))
			b := m.add("b", &handler{call: echo}, both(secrets(steps[i+1]...), set))
			_, err := a.Call(t.Context(), "b", "echo", nil)
			require.NoError(t, err)
			_, err = b.Call(t.Context(), "a", "echo", nil)
			require.NoError(t, err)
		}
		m := newMesh(t)
		a := m.add("a", &handler{}, both(secrets("new"), set))
		m.add("b", &handler{}, both(secrets("old"), set))
		_, err := a.Call(t.Context(), "b", "echo", nil)
		require.ErrorIs(t, err, link.ErrSecret)
	}
}

func TestEncrypted(t *testing.T) {
	m := newMesh(t)
	tap := &tap{}
	a := m.add("a", &handler{}, both(secrets("s"), encrypt, func(c *link.Config) { c.Dial = tap.dial }))
	block := random(3<<20 + 5)
	m.add("b", &handler{block: lend(block), call: echo}, both(secrets("s"), encrypt))
	dst := make([]byte, len(block))
	_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: int64(len(dst))}, [][]byte{dst}, nil)
	require.NoError(t, err)
	require.True(t, bytes.Equal(block, dst))
	_, err = a.Call(t.Context(), "b", "name of the method", []byte("name of a file"))
	require.NoError(t, err)
	seen := tap.bytes()
	require.Greater(t, len(seen), len(block))
	for _, secret := range [][]byte{[]byte("name of"), block[1<<20 : 1<<20+16]} {
		require.False(t, bytes.Contains(seen, secret))
	}
}

// A client that has the secret of the handshake, but not the connection: it stands between two that encrypt. Each of its two
// connections has keys of its own, so that proofs of one are no good on the other.
func TestProofsAreBoundToTheTLSConnection(t *testing.T) {
	m := newMesh(t)
	var there recorder
	own := certtest.Mesh(t)
	bothWays := both(secrets("s"), func(c *link.Config) { c.TLS = own })
	m.add("b", &handler{call: echo}, both(bothWays, there.set))
	behind, _ := m.resolve("b")
	a := m.add("a", &handler{}, both(bothWays, func(c *link.Config) {
		c.Dial = func(ctx context.Context, _ string) (net.Conn, error) { return relay(t, own, behind), nil }
	}))
	_, err := a.Call(t.Context(), "b", "echo", nil)
	require.ErrorIs(t, err, link.ErrSecret)
	require.ErrorIs(t, there.lastRefusal(t), link.ErrSecret)
}

// relay is a man in the middle with a certificate of the mesh: it ends TLS on both sides and copies what is inside.
func relay(t *testing.T, own *tls.Config, addr string) net.Conn {
	near, client := net.Pipe()
	far, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { near.Close(); far.Close() })
	go func() {
		head := make([]byte, 8)
		io.ReadFull(near, head)
		far.Write(head)
		answer := make([]byte, 40)
		io.ReadFull(far, answer)
		near.Write(answer)
		in, out := own.Clone(), own.Clone()
		in.ClientAuth, in.ClientCAs = tls.RequireAndVerifyClientCert, own.RootCAs
		server, caller := tls.Server(near, in), tls.Client(far, out)
		go func() { io.Copy(server, caller); server.Close() }()
		io.Copy(caller, server)
		caller.Close()
	}()
	return client
}

func TestOwnCertificates(t *testing.T) {
	m := newMesh(t)
	own, foreign := certtest.Mesh(t), certtest.Mesh(t)
	with := func(c *tls.Config) func(*link.Config) {
		return both(secrets("s"), func(l *link.Config) { l.TLS = c })
	}
	a := m.add("a", &handler{}, with(own))
	var there recorder
	m.add("b", &handler{call: echo}, both(with(own), there.set))
	x := m.add("x", &handler{}, with(foreign))
	_, err := a.Call(t.Context(), "b", "echo", nil)
	require.NoError(t, err)
	_, err = x.Call(t.Context(), "b", "echo", nil)
	require.ErrorIs(t, err, link.ErrCertificate)
	require.ErrorIs(t, there.lastRefusal(t), link.ErrCertificate)

	trusting := foreign.Clone() // it takes b's certificate, but has none that b takes
	trusting.RootCAs = own.RootCAs
	y := m.add("y", &handler{}, with(trusting))
	_, err = y.Call(t.Context(), "b", "echo", nil)
	require.ErrorIs(t, err, link.ErrCertificate)

	bare := own.Clone()
	bare.Certificates = nil
	z := m.add("z", &handler{}, with(bare))
	_, err = z.Call(t.Context(), "b", "echo", nil)
	require.ErrorIs(t, err, link.ErrCertificate)
}
