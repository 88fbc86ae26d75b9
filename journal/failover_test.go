package journal_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/racetest"
)

// TestFailover kills the primary again and again under load, and measures from the last change that was acknowledged to the next one. In a
// bubble the network takes no time: what is measured is how long the others wait before they are sure.
func TestFailover(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c")
		var mu sync.Mutex
		var last, longest time.Time
		var gap time.Duration
		acked := 0
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var clients sync.WaitGroup
		load := func(n *node) {
			clients.Go(func() {
				for ctx.Err() == nil {
					if n.tryAdd("k", 20*time.Second) != nil {
						return // killed
					}
					mu.Lock()
					if d := time.Since(last); !last.IsZero() && d > gap {
						gap, longest = d, time.Now()
					}
					last = time.Now()
					acked++
					mu.Unlock()
					time.Sleep(20 * time.Millisecond)
				}
			})
		}
		for _, id := range g.ids() {
			load(g.nodes[id])
		}
		var gaps []time.Duration
		kills := max(10, racetest.Fewer(50))
		for range kills {
			p := g.primary()
			mu.Lock()
			gap = 0
			mu.Unlock()
			killed := time.Now()
			g.crash(p.id)
			next := g.primary()
			time.Sleep(3 * time.Second)
			mu.Lock()
			gaps = append(gaps, gap)
			require.True(t, longest.After(killed))
			mu.Unlock()
			require.NotEqual(t, p.id, next.id)
			load(g.open(p.id))
			time.Sleep(time.Second)
		}
		cancel()
		clients.Wait()
		slices.Sort(gaps)
		p50, p95 := gaps[len(gaps)/2], gaps[len(gaps)*95/100]
		t.Logf("%d primaries killed, %d changes acknowledged: no change for %v at p50, %v at p95, %v at most", kills, acked, p50, p95, gaps[len(gaps)-1])
		require.Less(t, p50, time.Second)
		require.LessOrEqual(t, p95, 2*time.Second)
		for _, id := range g.ids() {
			require.NoError(t, g.nodes[id].Barrier(t.Context()))
			require.GreaterOrEqual(t, g.nodes[id].reg.get("k"), acked, id)
		}
	})
}
