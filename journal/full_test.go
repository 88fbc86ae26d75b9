package journal_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
)

// openFillable opens three nodes. The disk of the one that full names takes nothing that is longer than fits. led counts how often it
// begins to lead all the same.
func (g *group) openFillable(full *atomic.Pointer[string], fits int, told chan<- error) (led *atomic.Int64) {
	led = new(atomic.Int64)
	for _, id := range []string{"a", "b", "c"} {
		cfg := g.config(id)
		cfg.FS = vfs.NewFaulty(g.disks[id], func(op vfs.Op) error {
			if is := full.Load(); is != nil && *is == id && op.Kind == vfs.OpWrite && op.Len > fits {
				return syscall.ENOSPC
			}
			return nil
		})
		cfg.Events.Unwritable = func(err error) { told <- err }
		cfg.Events.Primary = func(begins bool) {
			if name := full.Load(); begins && name != nil && *name == id {
				led.Add(1)
			}
		}
		_, err := g.tryOpen(cfg, 30*time.Second)
		require.NoError(g.t, err)
	}
	time.Sleep(5 * time.Second)
	return led
}

// TestFullDiskOfThePrimary: changes through the others go on under the next primary, none fails, and none is made twice; with room
// again the node catches up.
func TestFullDiskOfThePrimary(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		var full atomic.Pointer[string]
		told := make(chan error, 10)
		g.openFillable(&full, 0, told)
		first := g.primary()
		var others []string
		for _, id := range g.ids() {
			if id != first.id {
				others = append(others, id)
			}
		}
		full.Store(&first.id)
		for i := range 10 {
			n := g.nodes[others[i%2]]
			require.NoError(t, n.tryAdd("k", 5*time.Second), "a change through %s", n.id)
		}
		require.NotEqual(t, first.id, g.primary().id)
		g.sameOn(others, "k", 10)
		require.ErrorIs(t, <-told, syscall.ENOSPC)
		require.Empty(t, told)
		full.Store(nil)
		first.add("k")
		g.same("k", 11)
		require.NoError(t, <-told)
	})
}

// TestFullDiskOfAFollower: it falls behind, and catches up when there is room again, while changes go on all the time.
func TestFullDiskOfAFollower(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		var full atomic.Pointer[string]
		told := make(chan error, 100)
		g.openFillable(&full, 0, told)
		first := g.primary()
		var wg sync.WaitGroup
		var stop atomic.Bool
		for range 8 {
			wg.Go(func() {
				for !stop.Load() {
					first.add("k")
					time.Sleep(5 * time.Millisecond)
				}
			})
		}
		for _, id := range g.ids() {
			if id == first.id {
				continue
			}
			full.Store(&id)
			time.Sleep(300 * time.Millisecond)
			full.Store(nil)
			time.Sleep(2 * time.Second)
			behind := first.Index() - g.nodes[id].Index()
			require.Less(t, behind, uint64(100), "%s is that far behind, 2 s after it had room again", id)
		}
		stop.Store(true)
		wg.Wait()
		require.NotEmpty(t, told)
	})
}

// TestNearlyFullDiskOfThePrimary: its small entries fit, so that it could win one election after the other. It leaves the lead
// to others.
func TestNearlyFullDiskOfThePrimary(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		var full atomic.Pointer[string]
		told := make(chan error, 1000)
		led := g.openFillable(&full, 500, told)
		for range 10 {
			first := g.primary()
			full.Store(&first.id)
			for _, id := range g.ids() {
				if n := g.nodes[id]; id != first.id {
					require.NoError(t, n.tryAdd(strings.Repeat("k", 1000), 5*time.Second))
				}
			}
			full.Store(nil)
			time.Sleep(unfit)
		}
		require.Zero(t, led.Load())
	})
}

// TestNearlyFullDiskBesideADeadVoter: the one that could lead instead is dead, so that the node keeps the lead, full as its disk
// was; it takes changes again.
func TestNearlyFullDiskBesideADeadVoter(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		var full atomic.Pointer[string]
		told := make(chan error, 1000)
		g.openFillable(&full, 500, told)
		for range 5 {
			first := g.primary()
			var others []string
			for _, id := range g.ids() {
				if id != first.id {
					others = append(others, id)
				}
			}
			g.crash(others[0])
			full.Store(&first.id)
			_ = g.nodes[others[1]].tryAdd(strings.Repeat("k", 1000), time.Second)
			full.Store(nil)
			require.NoError(t, g.nodes[others[1]].tryAdd("k", 10*time.Second))
			require.NoError(t, g.nodes[first.id].tryAdd("k", 10*time.Second))
			_, err := g.tryOpen(g.config(others[0]), 30*time.Second)
			require.NoError(t, err)
			time.Sleep(unfit)
		}
	})
}

// unfit is longer than a node leaves the lead to others.
const unfit = 10 * time.Second

// TestFullDiskAtOpen: a node that was away, and whose log takes nothing of what was changed meanwhile, opens and can be read.
func TestFullDiskAtOpen(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b")
		g.nodes["b"].add("k")
		require.NoError(t, g.nodes["b"].Checkpoint(t.Context()))
		g.crash("b")
		g.nodes["a"].add("k")
		var full atomic.Bool
		full.Store(true)
		cfg := g.config("b")
		cfg.FS = vfs.NewFaulty(g.disks["b"], func(op vfs.Op) error {
			if full.Load() && op.Kind == vfs.OpWrite {
				return syscall.ENOSPC
			}
			return nil
		})
		began := time.Now()
		b, err := g.tryOpen(cfg, time.Minute)
		require.NoError(t, err)
		require.Less(t, time.Since(began), 10*time.Second)
		require.Equal(t, 1, b.reg.get("k"))
		full.Store(false)
		b.add("k")
		g.same("k", 3)
	})
}
