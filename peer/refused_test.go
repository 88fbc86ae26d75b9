package peer_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/peer"
)

// refusals collects what a node is told of refused peers.
type refusals struct {
	mu   sync.Mutex
	errs []error
}

func (r *refusals) listen(c *peer.Config) {
	c.Events.Refused = func(i peer.RefusedInfo) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.errs = append(r.errs, i.Err)
	}
}

// has fails unless one of the errors is one, and says something.
func (r *refusals) has(t *testing.T, want error, says string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, err := range r.errs {
		if want == nil || errors.Is(err, want) {
			require.ErrorContains(t, err, says)
			return
		}
	}
	require.Fail(t, "not refused", "want %v, have %v", want, r.errs)
}

// TestRefusedOnBothSides: what may not be one mesh is not, and both sides say why.
func TestRefusedOnBothSides(t *testing.T) {
	for name, c := range map[string]struct {
		second func(*peer.Config)
		want   error
		says   string // on both sides
	}{
		"another cluster":           {func(c *peer.Config) { c.Cluster = "other" }, peer.ErrCluster, `"other"`},
		"another secret":            {func(c *peer.Config) { c.Secret = newSecret }, peer.ErrSecret, "the secrets differ"},
		"no secret":                 {func(c *peer.Config) { c.Secret = ""; c.Insecure = true }, peer.ErrSecurity, "nothing"},
		"encrypted":                 {func(c *peer.Config) { c.Encrypt = true }, peer.ErrSecurity, "a secret that encrypts"},
		"another secret, under TLS": {func(c *peer.Config) { c.Secret = newSecret }, peer.ErrSecret, ""},
		"a clock 6 minutes off":     {func(c *peer.Config) { c.Now = func() time.Time { return time.Now().Add(6 * time.Minute) } }, peer.ErrClock, "6m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				m := newMesh(t)
				m.cfg.Encrypt = name == "another secret, under TLS"
				var first, second refusals
				a := m.start(0, first.listen)
				b := m.start(1, func(cfg *peer.Config) { c.second(cfg); second.listen(cfg) })
				time.Sleep(10 * time.Second)
				require.Equal(t, "node-00", alive(a))
				require.Equal(t, "node-01", alive(b))
				require.Len(t, a.Members(), 1)
				require.Len(t, b.Members(), 1)
				first.has(t, c.want, c.says)
				second.has(t, c.want, c.says)
			})
		})
	}
}

// TestSecondNodeWithAnID is refused while the first one lives, wherever it joins.
func TestSecondNodeWithAnID(t *testing.T) {
	for _, contact := range []int{0, 1} { // another node; the node itself
		bubbletest.Test(t, func(t *testing.T) {
			m := newMesh(t)
			var second, other refusals
			a, b := m.start(0, other.listen), m.start(1, other.listen)
			meet(t, 10*time.Second, a, b)
			cfg := m.cfg
			cfg.Network, cfg.Join = m.net.Host(ip(9)), []string{ip(contact) + ":7946"}
			second.listen(&cfg)
			twin := open(t, cfg, "node-01")
			time.Sleep(10 * time.Second)
			require.Equal(t, "node-00 node-01", alive(a))
			require.Equal(t, "node-01", alive(twin))
			for _, o := range a.Members() {
				if o.ID == "node-01" {
					require.Equal(t, b.Addr(), o.Addr)
				}
			}
			second.has(t, nil, "node-01")
			other.has(t, nil, "node-01")
			if contact == 0 {
				m.net.Host(ip(1)).Kill()
				meet(t, time.Minute, a, twin)
			}
		})
	}
}

// TestOneAddressForTwo: a node that tells others the address of another one is told so, and so is that.
func TestOneAddressForTwo(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		var first, second refusals
		a := m.start(0, first.listen)
		m.start(1, func(c *peer.Config) { c.Advertise = a.Addr(); second.listen(c) })
		time.Sleep(time.Second)
		first.has(t, peer.ErrIdentity, "node-01")
		second.has(t, peer.ErrIdentity, "node-00")
	})
}

// TestManyStrangersAreLoggedSeldom: refusals for one reason are logged once a second, with how many there were besides.
func TestManyStrangersAreLoggedSeldom(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		var log bytes.Buffer
		var told refusals
		a := m.start(0, func(c *peer.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)); told.listen(c) })
		for range 100 {
			conn, err := m.net.Host(ip(9)).Dial(t.Context(), a.Addr())
			require.NoError(t, err)
			_, err = conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
			require.NoError(t, err)
			require.NoError(t, conn.Close())
			time.Sleep(25 * time.Millisecond)
		}
		synctest.Wait()
		require.Len(t, told.errs, 100)
		lines := strings.Count(log.String(), "peer refused")
		require.True(t, lines == 2 || lines == 3, log.String())
		require.Regexp(t, `others=(39|4.)`, log.String())
	})
}
