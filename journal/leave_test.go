package journal_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/journal/internal/wire"
)

func TestCloseHandsOver(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c")
		want := 0
		for len(g.nodes) > 1 {
			p := g.primary()
			p.add("k")
			g.leave(p.id)
			began := time.Now()
			for _, id := range g.ids() {
				g.nodes[id].add("k")
				want++
			}
			require.Less(t, time.Since(began), 100*time.Millisecond, "no election timer after %s has left", p.id)
			want++
		}
		g.same("k", want)
		last := g.ids()[0]
		g.leave(last)
		require.Equal(t, want, g.open(last).reg.get("k"), "the last one has it all")
	})
}

func TestCloseEndsWithItsContext(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b")
		g.net.Cut("a", "b", true) // b cannot take over, and is not known to be gone yet
		n := g.nodes["a"]
		delete(g.nodes, "a")
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		began := time.Now()
		if err := n.Close(ctx); err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		require.Equal(t, 300*time.Millisecond, time.Since(began), "it tries for as long as it may")
		require.NoError(t, n.Close(context.Background()))
		require.Less(t, time.Since(began), time.Second)
	})
}

// TestCloseBehindAChangeOfVoters: there can be no checkpoint then, which is no error of Close.
func TestCloseBehindAChangeOfVoters(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		for _, id := range []string{"a", "b", "c"} {
			cfg := g.config(id)
			cfg.CheckpointEvery = 20
			n, err := g.tryOpen(cfg, 30*time.Second)
			require.NoError(t, err)
			n.add("k")
		}
		time.Sleep(5 * time.Second) // the last entries promote
		for _, id := range g.ids() {
			g.leave(id)
		}
	})
}

// TestCloseHandsOverToWhoAnswers: a voter that the primary does not reach, and that lives for all who do, is not what it waits for.
func TestCloseHandsOverToWhoAnswers(t *testing.T) {
	for _, out := range []int{0, 1} {
		mesh(t, func(t *testing.T, g *group) {
			g.grow("a", "b", "c")
			time.Sleep(5 * time.Second) // all have votes
			p := g.primary()
			var others []string
			for _, id := range g.ids() {
				if id != p.id {
					others = append(others, id)
				}
			}
			g.net.Cut(p.id, others[out], true)
			p.add("k")
			began := time.Now()
			g.leave(p.id)
			require.Less(t, time.Since(began), 3*time.Second)
			g.nodes[others[1-out]].add("k")
			require.Less(t, time.Since(began), 3*time.Second, "no election timer")
		})
	}
}

// TestCutOffWhileItLeaves: a node whose primary gets out of reach while that is told waits for no answer any more.
func TestCutOffWhileItLeaves(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c")
		id := others(g.ids(), g.primary().id)[0]
		n := g.nodes[id]
		delete(g.nodes, id)
		g.net.Partition([]string{id}, g.ids())
		began := time.Now()
		require.NoError(t, n.Close(t.Context()))
		require.Less(t, time.Since(began), 4*time.Second)
	})
}

// busyPrimary are peers whose primary does not get to taking anybody out.
type busyPrimary struct{ journal.Peers }

func (p busyPrimary) Call(ctx context.Context, id string, req []byte) ([]byte, error) {
	if k, _, _, err := wire.ParseRequest(req); err == nil && k == wire.Leave {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return p.Peers.Call(ctx, id, req)
}

// TestLateHandOverIsNotLast: a node that has no time to hand over, while another one leads, is not the last.
func TestLateHandOverIsNotLast(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b")
		p := g.primary()
		cfg := g.config("c")
		cfg.Peers = busyPrimary{cfg.Peers}
		cfg.Last = func(context.Context) error { return errors.New("it was asked") }
		n, err := g.tryOpen(cfg, time.Minute)
		require.NoError(t, err)
		delete(g.nodes, "c")
		require.NoError(t, n.Close(t.Context()))
		g.net.Leave("c")
		p.add("k")
	})
}

// latePrimary are peers whose primary answers a second after it has taken somebody out.
type latePrimary struct{ journal.Peers }

func (p latePrimary) Call(ctx context.Context, id string, req []byte) ([]byte, error) {
	answer, err := p.Peers.Call(ctx, id, req)
	if k, _, _, perr := wire.ParseRequest(req); perr == nil && k == wire.Leave {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return answer, err
}

// TestTakenOutBeforeItHears: a node that leaves hears nothing more of the primary that has taken it out, and waits for the answer.
func TestTakenOutBeforeItHears(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b")
		cfg := g.config("c")
		cfg.Peers = latePrimary{cfg.Peers}
		cfg.Last = func(context.Context) error { return errors.New("it was asked") }
		n, err := g.tryOpen(cfg, time.Minute)
		require.NoError(t, err)
		time.Sleep(5 * time.Second)
		delete(g.nodes, "c")
		began := time.Now()
		require.NoError(t, n.Close(t.Context()))
		require.Less(t, time.Since(began), 2*time.Second)
		g.net.Leave("c")
		g.primary().add("k")
	})
}
