package journal_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/journal/journaltest"
)

// TestMeshOfTwoVersions upgrades a mesh node by node: the new command begins when the last old node has left.
func TestMeshOfTwoVersions(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		open := func(id string, level uint32) {
			cfg := g.config(id)
			cfg.Level, cfg.Peers = level, g.net.Peer(id, journaltest.Options{Level: level})
			_, err := g.tryOpen(cfg, time.Minute)
			require.NoError(t, err)
		}
		propose := func(id, cmd string) error {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, _, err := g.nodes[id].Propose(ctx, g.nodes[id].session.Next(), []byte(cmd))
			return err
		}
		for _, id := range []string{"a", "b", "c"} {
			open(id, 1)
		}
		time.Sleep(5 * time.Second)
		for _, id := range []string{"a", "b", "c"} {
			require.EqualValues(t, 1, g.nodes[id].Level())
			var low *journal.LevelError
			require.ErrorAs(t, propose(id, "new k"), &low)
			require.NoError(t, propose(id, "add k"), "the old one goes on")
			g.leave(id)
			open(id, 2)
			time.Sleep(5 * time.Second)
			g.nodes[id].add("k")
		}
		for _, id := range g.ids() {
			require.EqualValues(t, 2, g.nodes[id].Level())
			require.NoError(t, propose(id, "new k"))
		}
		g.same("k", 6)
		g.same("new k", 3)
	})
}

// TestPrimaryRefusesWhatOthersLack: a node that has not heard of an older one yet is told by the primary, and the commands that travel
// in the same batch are made.
func TestPrimaryRefusesWhatOthersLack(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		cfg := g.config("a")
		cfg.Level = 1 // its member says nothing
		_, err := g.tryOpen(cfg, time.Minute)
		require.NoError(t, err)
		b := g.open("b")
		refused, made := make(chan error, 20), make(chan error, 20)
		for range 20 {
			go func() {
				_, _, err := b.Propose(t.Context(), b.Session().Next(), []byte("new k"))
				refused <- err
			}()
			go func() { made <- b.tryAdd("k", time.Minute) }()
		}
		for range 20 {
			var low *journal.LevelError
			require.ErrorAs(t, <-refused, &low)
			require.Equal(t, journal.LevelError{Level: 2, Known: 1, Node: "a"}, *low)
			require.NoError(t, <-made)
		}
		g.same("k", 20)
		g.same("new k", 0)
	})
}

func TestReplicas(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c", "d")
		g.nodes["d"].add("k")
		time.Sleep(time.Second)
		roles := map[journal.Role]int{}
		rs, err := g.nodes["d"].Replicas(t.Context())
		require.NoError(t, err)
		require.Len(t, rs, 4)
		for _, r := range rs {
			roles[r.Role]++
			require.True(t, r.Reached, r.ID)
			require.Equal(t, g.nodes["d"].Index(), r.Index, r.ID)
			require.Zero(t, r.Lag, r.ID)
			require.Equal(t, r.Role, g.nodes[r.ID].Metrics().Role)
			require.Equal(t, g.primary().id, g.nodes[r.ID].Metrics().PrimaryID)
		}
		require.Equal(t, map[journal.Role]int{journal.RolePrimary: 1, journal.RoleVoter: 2, journal.RoleLearner: 1}, roles)
		p := g.primary().id
		away := others(g.ids(), p)[0]
		g.net.Partition([]string{away}, others(g.ids(), away))
		g.nodes[p].add("k")
		rs, err = g.nodes[p].Replicas(t.Context())
		require.NoError(t, err)
		for _, r := range rs {
			require.Equal(t, r.ID != away, r.Reached, r.ID)
		}
	})
}
