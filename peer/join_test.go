package peer_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/peer"
)

// TestJoinSources: every way of saying where others are works.
func TestJoinSources(t *testing.T) {
	list := filepath.Join(t.TempDir(), "peers")
	require.NoError(t, os.WriteFile(list, []byte("# nodes\n\n10.0.0.1:7946\n"), 0o600))
	for name, change := range map[string]func(*peer.Config){
		"address":                            func(c *peer.Config) { c.Join = []string{"10.0.0.1:7946"} },
		"name, of which one address answers": func(c *peer.Config) { c.Join = []string{"some.test:7946"} },
		"SRV":                                func(c *peer.Config) { c.Join = []string{"_mesh._tcp.test"} },
		"file":                               func(c *peer.Config) { c.Join = []string{"file:" + list} },
		"func": func(c *peer.Config) {
			c.Join = nil
			c.JoinFunc = func(context.Context) ([]string, error) { return []string{"some.test:7946"}, nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				m := newMesh(t)
				m.cfg.Join = nil
				m.net.Host("10.0.0.77") // nobody listens there
				m.net.SetName("some.test", "10.0.0.77", "10.0.0.88", "10.0.0.1")
				m.net.SetSRV("_mesh._tcp.test", &net.SRV{Target: "some.test.", Port: 7946})
				a := m.start(0, nil)
				b := m.start(1, change)
				meet(t, 10*time.Second, a, b)
			})
		})
	}
}

// attempts collects what a node says of its joining.
type attempts struct {
	mu  sync.Mutex
	all []peer.JoinInfo
}

func (a *attempts) listen(c *peer.Config) {
	c.Events.Join = func(i peer.JoinInfo) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.all = append(a.all, i)
	}
}

func (a *attempts) list() []peer.JoinInfo {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.all)
}

// TestJoinGoesOn until there is somebody, each time after a longer pause.
func TestJoinGoesOn(t *testing.T) {
	list := filepath.Join(t.TempDir(), "peers")
	require.NoError(t, os.WriteFile(list, []byte("bad line\n"), 0o600))
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		var tried attempts
		calls := 0
		b := m.start(1, func(c *peer.Config) {
			c.Join = []string{"10.0.0.1:7946", "unknown.test:1", "file:" + list}
			c.JoinFunc = func(context.Context) ([]string, error) {
				if calls++; calls == 1 {
					return nil, errors.New("the scheduler is busy")
				}
				return nil, nil
			}
			tried.listen(c)
		})
		time.Sleep(5 * time.Minute)
		all := tried.list()
		require.ErrorContains(t, all[0].Err, "unknown.test")
		require.ErrorContains(t, all[0].Err, `line "bad line"`)
		require.ErrorContains(t, all[0].Err, "Config.JoinFunc: the scheduler is busy")
		require.NotContains(t, all[1].Err.Error(), "busy")
		require.Less(t, all[0].Retry, 400*time.Millisecond)
		require.Greater(t, all[len(all)-1].Retry, 4*time.Second)
		require.Less(t, all[len(all)-1].Retry, 16*time.Second)
		require.Greater(t, len(all), 15)
		meet(t, 30*time.Second, m.start(0, nil), b)
	})
}

// TestNobodyFoundIsLogged, with why, once until there is somebody; not by who has nobody to look for, nor by those that meet.
func TestNobodyFoundIsLogged(t *testing.T) {
	list := filepath.Join(t.TempDir(), "peers")
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		var logs [2]bytes.Buffer
		logged := func(i int) int {
			synctest.Wait()
			return strings.Count(logs[i].String(), "no other node is found")
		}
		start := func(i int, join ...string) *peer.Mesh {
			return m.start(i, func(c *peer.Config) {
				c.Join, c.Logger = join, slog.New(slog.NewTextHandler(&logs[i], nil))
			})
		}
		a := start(0, "10.0.0.1:7946") // itself
		b := start(1, "file:"+list)
		time.Sleep(3 * time.Second)
		require.Equal(t, 1, logged(1), "before it begins a journal of its own")
		require.Contains(t, logs[1].String(), list)
		time.Sleep(5 * time.Minute)
		require.Equal(t, 1, logged(1))
		require.NoError(t, os.WriteFile(list, []byte(a.Addr()+"\n"), 0o600))
		meet(t, 30*time.Second, a, b)
		m.net.Host(ip(0)).Kill()
		time.Sleep(5 * time.Minute)
		require.Equal(t, 2, logged(1), logs[1].String())
		require.Zero(t, logged(0), logs[0].String())
	})
}

// TestFileIsWatched: who is written into it is joined soon.
func TestFileIsWatched(t *testing.T) {
	list := filepath.Join(t.TempDir(), "peers")
	require.NoError(t, os.WriteFile(list, []byte("# nobody yet\n"), 0o600))
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		a := m.start(0, func(c *peer.Config) { c.Join = nil })
		b := m.start(1, func(c *peer.Config) { c.Join = []string{"file:" + list} })
		time.Sleep(61 * time.Second) // by itself it looks every 30 s
		require.NoError(t, os.WriteFile(list, []byte(a.Addr()+"\n"), 0o600))
		meet(t, 3*time.Second, a, b)
	})
}

// TestRejoinAfterARestart: a node that comes back with its id, at its address or another, is let in.
func TestRejoinAfterARestart(t *testing.T) {
	for name, at := range map[string]int{"at its address": 1, "at another": 7} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				m := newMesh(t)
				ns := m.grow(3)
				meet(t, 10*time.Second, ns...)
				m.net.Host(ip(1)).Kill()
				start := time.Now()
				cfg := m.cfg
				cfg.Network = m.net.Host(ip(at))
				again := open(t, cfg, "node-01")
				for again.Addr() != addrOf(ns[0], "node-01") || alive(again) != "node-00 node-01 node-02" {
					require.Less(t, time.Since(start), 30*time.Second)
					time.Sleep(10 * time.Millisecond)
				}
				meet(t, 10*time.Second, ns[0], again, ns[2])
				t.Logf("it is known after %v", time.Since(start))
				talk(t, ns[2], again)
			})
		})
	}
}

// TestRestartedBeforeItIsMissed: whom the others join, and who has nobody to join, is back with them soon though to them it never failed; also when
// another one has moved at the same time, for which they refuse to be joined until that is seen.
func TestRestartedBeforeItIsMissed(t *testing.T) {
	for name, c := range map[string]struct {
		join  []string
		moved bool
	}{
		"it joins nobody":   {},
		"it joins itself":   {join: []string{ip(0) + ":7946"}},
		"and another moved": {moved: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				m := newMesh(t)
				m.cfg.Join = []string{ip(0) + ":7946"}
				first := func(cfg *peer.Config) { cfg.Join = c.join }
				a, b := m.start(0, first), m.start(1, nil)
				ns := []*peer.Mesh{b, m.start(2, nil), m.start(3, nil)}
				meet(t, 10*time.Second, append(ns, a)...)
				time.Sleep(time.Minute) // no news of anybody is under way any more
				m.net.Host(ip(0)).Kill()
				within := 3 * time.Second
				if c.moved {
					m.net.Host(ip(1)).Kill()
					cfg := m.cfg
					cfg.Network = m.net.Host(ip(7))
					ns[0], within = open(t, cfg, "node-01"), 6*time.Second
				}
				meet(t, within, append(ns, m.start(0, first))...)
			})
		})
	}
}

// TestDeathIsSeen: soon where somebody is left to confirm it, and later by one that is left alone.
func TestDeathIsSeen(t *testing.T) {
	for name, c := range map[string]struct {
		dead            int
		after, atLatest time.Duration
	}{
		"one of three": {1, time.Second, 3 * time.Second},
		"two of three": {2, 7 * time.Second, 12 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				m := newMesh(t)
				ns := m.grow(3)
				meet(t, 10*time.Second, ns...)
				start := time.Now()
				for i := range c.dead {
					m.net.Host(ip(2 - i)).Kill()
				}
				meet(t, c.atLatest, ns[:3-c.dead]...)
				require.Greater(t, time.Since(start), c.after)
			})
		})
	}
}

// addrOf is where a node believes another one to be.
func addrOf(m *peer.Mesh, id string) string {
	for _, o := range m.Members() {
		if o.ID == id {
			return o.Addr
		}
	}
	return ""
}

// TestTwoMeshesBecomeOne: groups that could not see each other from the start meet when they can.
func TestTwoMeshesBecomeOne(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		var left, right []string
		for i := range 4 {
			left, right = append(left, ip(i)), append(right, ip(4+i))
		}
		m.net.Partition(left, right)
		ns := m.grow(8)
		meet(t, time.Minute, ns[:4]...)
		meet(t, time.Minute, ns[4:]...)
		time.Sleep(10 * time.Minute)
		m.net.Heal()
		meet(t, 2*time.Minute, ns...)
	})
}

// TestPartialPartition: who is seen by some is not lost to the others.
func TestPartialPartition(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		ns := m.grow(5)
		meet(t, 10*time.Second, ns...)
		m.net.Cut(ip(0), ip(1))
		m.net.OneWay(ip(2), ip(3))
		time.Sleep(2 * time.Minute)
		meet(t, time.Second, ns...)
	})
}
