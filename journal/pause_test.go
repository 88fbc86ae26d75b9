package journal_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
)

// TestPauseDoesNotCostTheLeadership: for 200 ms nothing is heard of a primary that collects garbage.
func TestPauseDoesNotCostTheLeadership(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c")
		p := g.primary()
		led := p.PrimaryContext()
		for range 30 {
			for _, id := range others(g.ids(), p.id) {
				g.net.Cut(p.id, id, true)
			}
			time.Sleep(200 * time.Millisecond)
			g.net.Heal()
			time.Sleep(300 * time.Millisecond)
			p.add("k")
		}
		require.NoError(t, led.Err())
	})
}

// TestBusyDiskDoesNotCostTheLeadership: each sync takes 200 ms, everywhere.
func TestBusyDiskDoesNotCostTheLeadership(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		var slow atomic.Bool
		for _, id := range []string{"a", "b", "c"} {
			cfg := g.config(id)
			cfg.FS = vfs.NewFaulty(g.disks[id], func(op vfs.Op) error {
				if slow.Load() && op.Kind == vfs.OpSync {
					time.Sleep(200 * time.Millisecond)
				}
				return nil
			})
			_, err := g.tryOpen(cfg, time.Minute)
			require.NoError(t, err)
		}
		time.Sleep(5 * time.Second)
		p := g.primary()
		led := p.PrimaryContext()
		slow.Store(true)
		for range 30 {
			for _, id := range g.ids() {
				g.nodes[id].add("k")
			}
		}
		slow.Store(false)
		require.NoError(t, led.Err())
	})
}
