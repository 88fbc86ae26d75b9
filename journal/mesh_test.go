package journal_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestThreeReplicateAndSurviveKilledPrimary(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c")
		for i, id := range g.ids() {
			for range 3 {
				g.nodes[id].add("k")
			}
			require.Equal(t, 3*(i+1), g.nodes[id].reg.get("k"), "on %s", id)
		}
		first := g.primary()
		g.crash(first.id)
		for _, id := range g.ids() {
			g.nodes[id].add("k")
		}
		require.NotEqual(t, first.id, g.primary().id)
		g.same("k", 11)
		for _, id := range g.ids() {
			require.Equal(t, g.primary().id, g.nodes[id].PrimaryID(), "on %s", id)
		}
		g.open(first.id).add("k") // it comes back with what it had, and catches up
		g.same("k", 12)
	})
}

func TestForwardedChangeTakesNoTimer(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c", "d")
		for _, id := range g.ids() {
			g.nodes[id].add("k")
			began := time.Now()
			for range 10 {
				g.nodes[id].add("k")
				require.NoError(t, g.nodes[id].Barrier(t.Context()))
			}
			require.Less(t, time.Since(began), 20*time.Millisecond, "ten changes through %s", id)
		}
	})
}
