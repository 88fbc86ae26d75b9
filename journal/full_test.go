package journal_test

import (
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
)

// openFillable opens three nodes. The disk of the one that full names takes nothing.
func (g *group) openFillable(full *atomic.Pointer[string], told chan<- error) {
	for _, id := range []string{"a", "b", "c"} {
		cfg := g.config(id)
		cfg.FS = vfs.NewFaulty(g.disks[id], func(op vfs.Op) error {
			if is := full.Load(); is != nil && *is == id && op.Kind == vfs.OpWrite {
				return syscall.ENOSPC
			}
			return nil
		})
		cfg.Events.Unwritable = func(err error) { told <- err }
		_, err := g.tryOpen(cfg, 30*time.Second)
		require.NoError(g.t, err)
	}
	time.Sleep(5 * time.Second)
}

// TestFullDiskOfThePrimary: changes through the others go on under the next primary, none fails, and none is made twice; with room
// again the node catches up.
func TestFullDiskOfThePrimary(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		var full atomic.Pointer[string]
		told := make(chan error, 10)
		g.openFillable(&full, told)
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
		g.openFillable(&full, told)
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
