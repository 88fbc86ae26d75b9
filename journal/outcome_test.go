package journal_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
)

// TestWithoutSessionNothingHappensTwice proposes changes that have no operation id, each with a key of its own, while primaries die. Each
// is made once if it was acknowledged, and at most once if it was not.
func TestWithoutSessionNothingHappensTwice(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c", "d")
		var mu sync.Mutex
		outcome := map[string]error{}
		propose := func(n *node, key string) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, _, err := n.Propose(ctx, journal.OpID{}, []byte("add "+key))
			mu.Lock()
			defer mu.Unlock()
			outcome[key] = err
		}
		rng := rand.New(rand.NewPCG(5, 5))
		for round := range 30 {
			p := g.primary()
			var all sync.WaitGroup
			for i := range 20 {
				ids := others(g.ids(), p.id)
				to := g.nodes[ids[i%len(ids)]]
				all.Go(func() { propose(to, fmt.Sprint("k", round, "-", i)) })
			}
			// The primary has them, and is cut off before it can answer all.
			if rng.IntN(2) == 0 {
				for _, id := range others(g.ids(), p.id) {
					g.net.Cut(p.id, id, rng.IntN(2) == 0)
				}
			} else {
				g.crash(p.id)
			}
			all.Wait()
			g.net.Heal()
			if g.nodes[p.id] == nil {
				g.open(p.id)
			}
			time.Sleep(3 * time.Second)
		}
		unknown := 0
		for _, id := range g.ids() {
			require.NoError(t, g.nodes[id].Barrier(t.Context()))
			for key, err := range outcome {
				got := g.nodes[id].reg.get(key)
				switch {
				case err == nil:
					require.Equal(t, 1, got, "%s was acknowledged", key)
				default:
					require.LessOrEqual(t, got, 1, "%s: %v", key, err)
				}
				if errors.Is(err, journal.ErrUnknownOutcome) {
					unknown++
				}
			}
		}
		require.Positive(t, unknown, "an answer was lost on the way")
	})
}

// TestAllRestart ends all nodes at once, and starts them again.
func TestAllRestart(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c", "d")
		for round := range 3 {
			for _, id := range g.ids() {
				g.nodes[id].add("k")
			}
			ids := g.ids()
			for _, id := range ids {
				g.crash(id)
			}
			delays := map[string]time.Duration{}
			for i, id := range ids {
				delays[id] = time.Duration(i*round) * 2 * time.Second // one after the other too
			}
			g.together(delays, func(*journal.Config) {})
			require.NoError(t, g.primary().Barrier(t.Context()))
			g.same("k", 4*(round+1))
		}
	})
}

// TestPrimaryThatIsCutOffCannotChangeAnything: it finds out by itself, its reads go on, and what it had begun comes to nothing.
func TestPrimaryThatIsCutOffCannotChangeAnything(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c")
		old := g.primary()
		old.add("k")
		g.same("k", 1)
		g.net.Partition([]string{old.id}, others(g.ids(), old.id))
		led := old.PrimaryContext()
		require.Error(t, old.tryAdd("lost", 10*time.Second))
		require.Error(t, led.Err())
		require.ErrorIs(t, old.tryAdd("lost", 10*time.Second), journal.ErrNoPrimary)
		require.ErrorIs(t, old.Barrier(deadline(t, 2*time.Second)), journal.ErrNoPrimary)
		require.Equal(t, 1, old.reg.get("k"))
		next := g.primary()
		require.NotEqual(t, old.id, next.id)
		next.add("k")
		leads := next.PrimaryContext()
		g.net.Heal()
		old.add("k")
		require.NoError(t, leads.Err(), "it has not made the next one step down")
		g.same("k", 3)
		g.same("lost", 0)
	})
}

func deadline(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// TestBatchOfOldPrimary: a node that no longer leads sends on what is its own; what others have sent they send on themselves.
func TestBatchOfOldPrimary(t *testing.T) {
	for _, c := range []struct {
		sizes []int
		left  []string
		told  int
	}{
		{[]int{0, 0}, []string{"own 0", "own 1"}, 0},
		{[]int{3, 0, 2, 0}, []string{"own 1", "own 3"}, 2},
		{[]int{0, 5, 0}, []string{"own 0", "own 2"}, 1},
		{[]int{2, 2}, nil, 2},
	} {
		left, told := journal.Ours(c.sizes)
		require.Equal(t, c.left, left, "%v", c.sizes)
		require.Equal(t, c.told, told, "%v", c.sizes)
	}
}

// TestBarrierAsksWhetherThePrimaryStillLeads: one that has just been cut off thinks so, and another may lead already.
func TestBarrierAsksWhetherThePrimaryStillLeads(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c", "d")
		p := g.primary()
		var learner string
		for _, id := range g.ids() {
			if g.nodes[id].Metrics().Role == journal.RoleLearner {
				learner = id
			}
		}
		require.NoError(t, g.nodes[learner].Barrier(t.Context()))
		g.net.Partition([]string{p.id, learner}, others(others(g.ids(), p.id), learner))
		require.True(t, p.Primary())
		require.Error(t, g.nodes[learner].Barrier(deadline(t, 200*time.Millisecond)))
		require.Error(t, p.Barrier(deadline(t, 100*time.Millisecond)))
	})
}

// TestLeftOnTheWay: who leaves while a change is on its way to the primary, or waits to be, does not know what becomes of it; who has left before is
// told that it is nothing.
func TestLeftOnTheWay(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c")
		p := g.primary()
		n := g.nodes[others(g.ids(), p.id)[0]]
		g.net.Partition([]string{n.id}, others(g.ids(), n.id))
		for range 2 {
			err := n.tryAdd("k", 100*time.Millisecond)
			require.ErrorIs(t, err, journal.ErrUnknownOutcome)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		err := n.tryAdd("never", 0)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, journal.ErrUnknownOutcome)
		g.net.Heal()
		n.add("j")
		g.same("j", 1)
		g.same("never", 0)
	})
}
