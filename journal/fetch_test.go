package journal_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
)

// cutLog makes a node's log begin behind what the others need: as many checkpoints as are kept, with changes between.
func cutLog(t *testing.T, n *node, changes int) {
	t.Helper()
	for range 3 {
		for i := range changes {
			n.add(fmt.Sprint("k", i))
		}
		require.NoError(t, n.Checkpoint(t.Context()))
	}
}

func TestNewNodeFetchesCheckpoint(t *testing.T) {
	for _, dir := range []string{"/d/j", ""} {
		t.Run(fmt.Sprintf("dir=%q", dir), func(t *testing.T) {
			mesh(t, func(t *testing.T, g *group) {
				open := func(id string) *node {
					cfg := g.config(id)
					cfg.Dir = dir
					n, err := g.tryOpen(cfg, time.Minute)
					require.NoError(t, err)
					return n
				}
				a := open("a")
				cutLog(t, a, 500)
				ctx, cancel := context.WithCancel(t.Context())
				went := make(chan int)
				go func() { // changes go on meanwhile
					n := 0
					for ctx.Err() == nil {
						a.add("meanwhile")
						n++
						time.Sleep(time.Millisecond)
					}
					went <- n
				}()
				before := a.Index()
				b := open("b")
				require.GreaterOrEqual(t, b.Index(), before, "all that was acknowledged when it came")
				require.Equal(t, 3, b.reg.get("k7"))
				cancel()
				g.same("meanwhile", <-went)
				b.add("k7")
				g.same("k7", 4)
				require.EqualValues(t, 1, b.Metrics().Fetched, "by one checkpoint that it fetched itself")
			})
		})
	}
}

// TestRunningNodeFarBehindGetsCheckpoint cuts a follower off until the log that it needs is gone.
func TestRunningNodeFarBehindGetsCheckpoint(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c")
		lost := g.ids()[0]
		if g.primary().id == lost {
			lost = g.ids()[1]
		}
		g.net.Partition([]string{lost}, others(g.ids(), lost))
		p := g.primary()
		if p.id == lost {
			t.Fatal("the one cut off still leads")
		}
		cutLog(t, p, 60)
		g.net.Heal()
		g.nodes[lost].add("k1")
		require.Equal(t, 4, g.nodes[lost].reg.get("k1"))
		g.same("k1", 4)
		// Its own log goes on behind the checkpoint, over a restart too.
		g.nodes[lost].add("k1")
		var seen []uint64
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for e, err := range g.nodes[lost].Subscribe(ctx, g.nodes[lost].Index()) {
			if err != nil {
				break
			}
			seen = append(seen, e.Index)
		}
		require.Equal(t, []uint64{g.nodes[lost].Index()}, seen)
		var gone *journal.CompactedError
		for _, err := range g.nodes[lost].Subscribe(t.Context(), 1) {
			require.ErrorAs(t, err, &gone)
		}
		g.crash(lost)
		g.open(lost).add("k1")
		g.same("k1", 6)
	})
}

func others(ids []string, not string) (out []string) {
	for _, id := range ids {
		if id != not {
			out = append(out, id)
		}
	}
	return out
}
