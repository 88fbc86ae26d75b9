package journal_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
)

// sources is peers as a node sees them that fetches: from whom, and how far it got.
type sources struct {
	journal.Peers
	from  map[string]*atomic.Int64 // bytes that came over streams that this node opened
	meets func(id string, came int64)
}

func (s sources) Dial(ctx context.Context, id string) (net.Conn, error) {
	conn, err := s.Peers.Dial(ctx, id)
	if err != nil || s.from[id] == nil {
		return conn, err
	}
	return source{conn, s, id}, nil
}

type source struct {
	net.Conn
	s  sources
	id string
}

func (c source) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if came := c.s.from[c.id].Add(int64(n)); c.s.meets != nil {
		c.s.meets(c.id, came)
	}
	return n, err
}

// checkpoints are of 2 MB and more: several pieces of a stream, more than is on its way at a time.
const wideKeys = 1100

// wideGroup is three voters and a learner. All have the same changes; holders have checkpoints, each one more change in them than the
// one before it.
func wideGroup(g *group, holders ...string) {
	g.grow("a", "b", "c", "d")
	for i := range wideKeys {
		g.nodes["d"].add(fmt.Sprint(i, strings.Repeat("k", 2000)))
	}
	require.Equal(g.t, journal.RoleLearner, g.nodes["d"].Metrics().Role)
	for _, id := range holders {
		g.nodes[id].add("k")
		require.NoError(g.t, g.nodes[id].Checkpoint(g.t.Context()))
	}
	g.nodes["a"].add("k")
	g.same("k", len(holders)+1)
}

// come opens a node that counts what it is sent.
func (g *group) come(id string, meets func(from string, came int64)) (from map[string]*atomic.Int64) {
	g.t.Helper()
	from = map[string]*atomic.Int64{}
	for _, other := range g.ids() {
		from[other] = new(atomic.Int64)
	}
	cfg := g.config(id)
	cfg.Peers = sources{cfg.Peers, from, meets}
	_, err := g.tryOpen(cfg, time.Minute)
	require.NoError(g.t, err)
	return from
}

// TestCheckpointFromALearner: only a node without a vote has a checkpoint.
func TestCheckpointFromALearner(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		wideGroup(g, "d")
		from := g.come("e", nil)
		require.EqualValues(t, 1, g.nodes["e"].Metrics().Fetched)
		require.Greater(t, from["d"].Load(), int64(wideKeys*2000))
		g.same("k", 2)
		require.Equal(t, g.nodes["a"].reg.all(), g.nodes["e"].reg.all())
	})
}

// TestCheckpointSourceInTrouble: who has the newest checkpoint dies while it sends it, or is not heard any more. The next newest one is taken,
// of another node.
func TestCheckpointSourceInTrouble(t *testing.T) {
	for name, trouble := range map[string]func(g *group, source string){
		"dies":   func(g *group, source string) { g.net.Crash(source) },
		"stalls": func(g *group, source string) { g.net.Cut(source, "e", true) },
	} {
		t.Run(name, func(t *testing.T) {
			mesh(t, func(t *testing.T, g *group) {
				wideGroup(g, "c", "d")
				var once atomic.Bool
				from := g.come("e", func(id string, came int64) {
					if id == "d" && came > 500_000 && once.CompareAndSwap(false, true) {
						trouble(g, "d")
					}
				})
				require.True(t, once.Load())
				require.Less(t, from["d"].Load(), int64(wideKeys*2000))
				require.EqualValues(t, 1, g.nodes["e"].Metrics().Fetched)
				require.Greater(t, from["c"].Load(), int64(wideKeys*2000))
				g.sameOn([]string{"a", "b", "c", "e"}, "k", 3)
				require.Equal(t, g.nodes["a"].reg.all(), g.nodes["e"].reg.all())
				g.nodes["e"].add("k")
				g.sameOn([]string{"a", "b", "c", "e"}, "k", 4)
			})
		})
	}
}
