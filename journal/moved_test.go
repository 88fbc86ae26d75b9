package journal_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/journal/internal/wire"
	"github.com/millpond/millpond/journal/journaltest"
)

// untaken are the peers of a node whose primary does not know it, and does not get to taking it in.
type untaken struct{ journal.Peers }

func (p untaken) Call(ctx context.Context, id string, req []byte) ([]byte, error) {
	if k, _, _, err := wire.ParseRequest(req); err == nil && k == wire.Join {
		return nil, journal.ErrNotDelivered
	}
	return p.Peers.Call(ctx, id, req)
}

// sees are peers of which only some are seen, and reached.
type sees struct {
	journal.Peers
	ids *atomic.Pointer[string] // each a letter
	ask func(id string, k wire.Kind)
}

func seesOnly(p journal.Peers, ids string) sees {
	s := sees{Peers: p, ids: new(atomic.Pointer[string])}
	s.ids.Store(&ids)
	return s
}

func (p sees) Members() []journal.Member {
	return slices.DeleteFunc(p.Peers.Members(), func(o journal.Member) bool { return !strings.Contains(*p.ids.Load(), o.ID) })
}

func (p sees) Call(ctx context.Context, id string, req []byte) ([]byte, error) {
	if !strings.Contains(*p.ids.Load(), id) {
		return nil, journal.ErrNotDelivered
	}
	if k, _, _, err := wire.ParseRequest(req); err == nil && p.ask != nil {
		p.ask(id, k)
	}
	return p.Peers.Call(ctx, id, req)
}

// TestNewNodeWithACheckpointStays: it has a part of a journal whose nodes are gone, and that is a checkpoint alone. It does not give
// it up for the journal that others have begun since: a person does.
func TestNewNodeWithACheckpointStays(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		old, _ := open(t, journal.Config{})
		add(t, old, "k")
		cfg := g.config("a")
		cfg.Peers, cfg.Restore = seesOnly(cfg.Peers, "a"), from(backup(t, old))
		_, err := g.tryOpen(cfg, time.Minute)
		require.NoError(t, err)
		cfg = g.config("d")
		cfg.Peers = untaken{cfg.Peers}
		_, err = g.tryOpen(cfg, 10*time.Second)
		require.ErrorIs(t, err, journal.ErrNoPrimary)
		g.net.Crash("d")
		g.crash("a")
		time.Sleep(5 * time.Second)
		require.Empty(t, g.openAll("/d/j", time.Minute, "b", "c"))
		g.nodes["b"].add("k")
		_, err = g.tryOpen(g.config("d"), 20*time.Second)
		require.ErrorContains(t, err, "this node has not all of it")
		require.ErrorContains(t, err, "node a, which told of it")
		g.net.Crash("d")
		delete(g.disks, "d")
		g.open("d").add("k")
		g.same("k", 2)
	})
}

// TestNewNodeThatMovesNotesWhoTold: the journal that it had heard of is gone, and of the one that it takes instead nobody leads: it is that
// one which it waits for from then on, also after a restart.
func TestNewNodeThatMovesNotesWhoTold(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.open("a")
		g.net.Peer("r", journaltest.Options{}) // by way of which it hears of a
		cfg := g.config("d")
		g.net.Cut("a", "d", true)
		_, err := g.tryOpen(cfg, 10*time.Second)
		require.ErrorContains(t, err, "node a, which told of it")
		g.net.Crash("d")
		g.crash("a")
		g.net.Crash("r")
		time.Sleep(5 * time.Second)
		g.grow("b", "c")
		g.nodes["b"].add("k")
		g.crash("b") // the only voter
		_, err = g.tryOpen(g.config("d"), 20*time.Second)
		require.ErrorContains(t, err, "node c has a replica")
		g.net.Crash("d")
		g.crash("c")
		time.Sleep(5 * time.Second)
		_, err = g.tryOpen(g.config("d"), 20*time.Second)
		require.ErrorContains(t, err, "node c, which told of it")
		g.open("b")
		g.open("d").add("k")
		g.same("k", 2)
	})
}

// TestNewNodeIsFoundWhileItMoves: the journal that it has heard of is back while it asks what others have, and sends its first entries. It
// stays with that one.
func TestNewNodeIsFoundWhileItMoves(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		all, other := "ad", "b"
		a := g.config("a")
		first := seesOnly(a.Peers, "a")
		a.Peers = first
		_, err := g.tryOpen(a, time.Minute)
		require.NoError(t, err)
		g.nodes["a"].add("k")
		b := g.config("b")
		b.Peers = seesOnly(b.Peers, "b")
		_, err = g.tryOpen(b, time.Minute)
		require.NoError(t, err)
		g.nodes["b"].add("other")

		cfg := g.config("d")
		heard := seesOnly(untaken{cfg.Peers}, "a")
		heard.ask = func(id string, k wire.Kind) {
			if id == "b" && k == wire.State && *first.ids.Load() != all {
				first.ids.Store(&all)
				time.Sleep(900 * time.Millisecond)
			}
		}
		cfg.Peers = heard
		opened := make(chan error, 1)
		go func() {
			_, err := g.tryOpen(cfg, 20*time.Second)
			opened <- err
		}()
		time.Sleep(time.Second)
		heard.ids.Store(&other)
		require.ErrorIs(t, <-opened, journal.ErrNoPrimary) // it has some of it, and is not taken in
		g.net.Crash("d")
		cfg = g.config("d")
		cfg.Peers = seesOnly(cfg.Peers, all)
		d, err := g.tryOpen(cfg, time.Minute)
		require.NoError(t, err)
		require.Equal(t, g.nodes["a"].History(), d.History())
		d.add("k")
		g.sameOn([]string{"a", "d"}, "k", 2)
	})
}
