package journal_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/journal/journaltest"
)

// zones are where nodes are: their ids begin with them.
var zones = []string{"x", "y", "z"}

func (g *group) openIn(zone string, i int) {
	g.t.Helper()
	id := fmt.Sprint(zone, i)
	cfg := g.config(id)
	cfg.Peers = g.net.Peer(id, journaltest.Options{Zone: zone})
	_, err := g.tryOpen(cfg, time.Minute)
	require.NoError(g.t, err)
}

// votesByZone is how many of each zone's nodes have one.
func (g *group) votesByZone() map[string]int {
	count := map[string]int{}
	for id, n := range g.nodes {
		if r := n.Metrics().Role; r == journal.RolePrimary || r == journal.RoleVoter {
			count[id[:1]]++
		}
	}
	return count
}

// TestAZoneIsLost: the votes are spread over three zones, though the nodes of one come first. Any zone may be lost at once with all its nodes: the
// others go on with all that was acknowledged, and have the votes among them after a while; when its nodes are back they are
// spread again.
func TestAZoneIsLost(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		const each = 3
		for _, zone := range zones {
			for i := range each {
				g.openIn(zone, i)
			}
		}
		acked := 0
		add := func() {
			t.Helper()
			for _, id := range g.ids() {
				g.nodes[id].add("k")
				acked++
			}
		}
		for _, lost := range zones[:racetest.Fewer(len(zones))] {
			time.Sleep(15 * time.Second) // one change of voters at a time
			spread := g.votesByZone()
			for _, zone := range zones {
				require.GreaterOrEqual(t, spread[zone], 1, "%v", spread)
				require.LessOrEqual(t, spread[zone], 2, "no majority in one zone: %v", spread)
			}
			add()
			led := g.primary().id[:1] == lost
			for i := range each {
				g.crash(fmt.Sprint(lost, i))
			}
			began := time.Now()
			add()
			t.Logf("zone %s, with the primary: %v, of votes %v: six changes took %v", lost, led, spread, time.Since(began))
			require.Less(t, time.Since(began), 5*time.Second)
			g.same("k", acked)
			time.Sleep(15 * time.Second)
			left, all := g.votesByZone(), 0
			for _, n := range left {
				all += n
			}
			require.Equal(t, 5, all, "votes of those that are left: %v", left)
			for i := range each {
				g.openIn(lost, i)
			}
			g.same("k", acked)
		}
	})
}
