package journal_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal"
)

// distant is peers that answer after a while.
type distant struct{ journal.Peers }

const hop = 60 * time.Microsecond

func (d distant) Call(ctx context.Context, id string, req []byte) ([]byte, error) {
	time.Sleep(hop)
	defer time.Sleep(hop)
	return d.Peers.Call(ctx, id, req)
}

const syncTime = time.Millisecond

// slowGroup is three nodes whose calls and, from go on, syncs take a while.
func slowGroup(t *testing.T, g *group) (primary, other *node) {
	var slow atomic.Bool
	for _, id := range []string{"a", "b", "c"} {
		cfg := g.config(id)
		cfg.Peers = distant{cfg.Peers}
		cfg.FS = vfs.NewFaulty(g.disks[id], func(op vfs.Op) error {
			if slow.Load() && op.Kind == vfs.OpSync {
				time.Sleep(syncTime)
			}
			return nil
		})
		_, err := g.tryOpen(cfg, time.Minute)
		require.NoError(t, err)
	}
	time.Sleep(5 * time.Second)
	slow.Store(true)
	t.Cleanup(func() { slow.Store(false) })
	primary = g.primary()
	return primary, g.nodes[others(g.ids(), primary.id)[0]]
}

// changesIn lets callers make changes through nodes in turn, one after the other, and counts them.
func changesIn(t *testing.T, d time.Duration, callers int, through ...*node) int {
	var made atomic.Int64
	var all sync.WaitGroup
	end := time.Now().Add(d)
	for i := range callers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			for time.Now().Before(end) {
				time.Sleep(time.Duration(5+rng.IntN(60)) * time.Microsecond) // to wake up takes a while too
				n := through[i%len(through)]
				op := n.session.Next()
				if _, _, err := n.Propose(t.Context(), op, []byte("add k")); err != nil {
					t.Error(err)
					return
				}
				n.session.Done(op)
				made.Add(1)
			}
		})
	}
	all.Wait()
	return int(made.Load())
}

// TestCallersShareSyncs: callers who were answered together come again together, wherever they call. Time is the bubble's: a batch takes
// two syncs, the primary's and another voter's, one after the other.
func TestCallersShareSyncs(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		const callers, d = 48, 500 * time.Millisecond
		p, other := slowGroup(t, g)
		for name, through := range map[string][]*node{
			"primary": {p}, "another node": {other}, "nodes in turn": {g.nodes["a"], g.nodes["b"], g.nodes["c"]},
		} {
			batches := p.Metrics().Batches
			made := changesIn(t, d, callers, through...)
			each := float64(made) / float64(p.Metrics().Batches-batches)
			t.Logf("%s: %d changes in %v, %.1f in a batch", name, made, d, each)
			require.Greater(t, each, 0.8*callers, name)
			require.Greater(t, made, callers*int(d/(3*syncTime)), name)
		}
	})
}

// TestLoneCallerIsNotHeldUp: who is alone has nobody to wait for, also just after many others.
func TestLoneCallerIsNotHeldUp(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		p, other := slowGroup(t, g)
		for _, n := range []*node{p, other} {
			changesIn(t, 50*time.Millisecond, 48, n)
			const d = 200 * time.Millisecond
			one := 2*syncTime + 4*hop + 100*time.Microsecond
			require.Greater(t, changesIn(t, d, 1, n), int(d/one)-3, n.id)
		}
	})
}
