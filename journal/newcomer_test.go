package journal_test

import (
	"bytes"
	"context"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/journal/internal/wire"
)

// TestNewNodeWhileTheLastOneEnds: a node in memory is the last one, and takes its time to end. A new node waits for that, and begins
// with what the last one has saved; where it has a disk the new one joins when it is back.
func TestNewNodeWhileTheLastOneEnds(t *testing.T) {
	for _, dir := range []string{"", "/d/j"} {
		mesh(t, func(t *testing.T, g *group) {
			var saved bytes.Buffer
			cfg := g.config("a")
			cfg.Dir = dir
			var a *node
			cfg.Last = func(ctx context.Context) error {
				time.Sleep(5 * time.Second)
				_, err := a.Backup(ctx, &saved)
				return err
			}
			a, err := g.tryOpen(cfg, time.Minute)
			require.NoError(t, err)
			a.add("k")
			delete(g.nodes, "a")
			ended := make(chan error, 1)
			go func() {
				err := a.Close(context.Background())
				g.net.Leave("a")
				ended <- err
			}()
			time.Sleep(time.Second)
			cfg = g.config("b")
			cfg.Restore = func(ctx context.Context, history string, restore func(io.Reader) error) error {
				return from(saved.Bytes())(ctx, history, restore)
			}
			opened := make(chan error, 1)
			go func() {
				_, err := g.tryOpen(cfg, time.Minute)
				opened <- err
			}()
			require.NoError(t, <-ended)
			if dir != "" {
				a = g.open("a")
			}
			require.NoError(t, <-opened)
			require.Equal(t, dir != "", g.nodes["b"].History() == a.History())
			g.nodes["b"].add("k")
			g.same("k", 2)
		})
	}
}

// blind are the peers of a node that sees no others until it leaves, and tells when it does.
type blind struct {
	journal.Peers
	leaves *atomic.Bool
}

func (p blind) Announce(meta []byte) error {
	if m, err := wire.ParseMeta(meta); err == nil && m.State == wire.Leaving {
		p.leaves.Store(true)
	}
	return p.Peers.Announce(meta)
}

func (p blind) Members() []journal.Member {
	if !p.leaves.Load() {
		return nil
	}
	return p.Peers.Members()
}

// early are the peers of a node that does not get to be taken in before another one leaves.
type early struct {
	journal.Peers
	leaves *atomic.Bool
}

func (p early) Call(ctx context.Context, id string, req []byte) ([]byte, error) {
	if k, _, _, err := wire.ParseRequest(req); err == nil && k == wire.Join && !p.leaves.Load() {
		return nil, journal.ErrNotDelivered
	}
	return p.Peers.Call(ctx, id, req)
}

// TestNewNodeIsHandedTheJournal: the last node has begun to leave when a new one asks to be taken in, and hands over to it.
func TestNewNodeIsHandedTheJournal(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		var leaves atomic.Bool
		cfg := g.config("a")
		cfg.Peers = blind{cfg.Peers, &leaves}
		a, err := g.tryOpen(cfg, time.Minute)
		require.NoError(t, err)
		a.add("k")
		cfg = g.config("b")
		cfg.Peers = early{cfg.Peers, &leaves}
		opened := make(chan error, 1)
		go func() {
			_, err := g.tryOpen(cfg, time.Minute)
			opened <- err
		}()
		time.Sleep(time.Second)
		delete(g.nodes, "a")
		require.NoError(t, a.Close(t.Context()))
		g.net.Leave("a")
		require.NoError(t, <-opened)
		g.nodes["b"].add("k")
		g.same("k", 2)
	})
}
