package journal_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal"
)

// TestRecoverTwiceAtOnce: two persons begin the journal anew, each through another node. One of them does, and all survivors are in that one.
func TestRecoverTwiceAtOnce(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		var slow sync.Map // the next change of a node's small state takes a while
		for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
			cfg := g.config(id)
			cfg.FS = vfs.NewFaulty(cfg.FS, func(op vfs.Op) error {
				if op.Kind == vfs.OpWrite && strings.Contains(op.Name, "/state") {
					if _, is := slow.LoadAndDelete(id); is {
						time.Sleep(time.Second)
					}
				}
				return nil
			})
			_, err := g.tryOpen(cfg, time.Minute)
			require.NoError(t, err)
		}
		time.Sleep(5 * time.Second)
		p := g.primary()
		p.add("k")
		g.same("k", 1)
		var lost, left []string
		for _, id := range others(g.ids(), p.id) {
			if g.nodes[id].Metrics().Role == journal.RoleLearner || len(lost) == 2 {
				left = append(left, id)
			} else {
				lost = append(lost, id)
			}
		}
		lost = append(lost, p.id)
		require.Len(t, left, 3)
		for _, id := range lost {
			g.crash(id)
		}
		time.Sleep(5 * time.Second)
		slow.Store(left[0], true) // of equal replicas it has the lowest id
		var both sync.WaitGroup
		var done atomic.Int32
		for _, id := range left[:2] {
			both.Go(func() {
				if _, err := g.nodes[id].Recover(t.Context(), lost); err == nil {
					done.Add(1)
				}
			})
			time.Sleep(100 * time.Millisecond)
		}
		both.Wait()
		require.EqualValues(t, 1, done.Load())
		for _, id := range left {
			require.Equal(t, g.nodes[left[0]].History(), g.nodes[id].History(), "on %s", id)
			g.nodes[id].add("k")
		}
		g.same("k", 4)
	})
}

// TestRecoverThatDies: the survivor is killed at each disk operation of Recover, and those that were named as lost are back after all, and go
// on. It is one of them then, or has another journal: it does not lead under their name.
func TestRecoverThatDies(t *testing.T) {
	for after := int64(1); after > 0; after++ {
		mesh(t, func(t *testing.T, g *group) {
			var ops atomic.Int64 // of a while it recovers
			var recovers, dead atomic.Bool
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			g.open("b")
			cfg := g.config("a")
			cfg.FS = vfs.NewFaulty(cfg.FS, func(op vfs.Op) error {
				if op.Kind.Mutates() && recovers.Load() && ops.Add(1) == after {
					g.net.Crash("a")
					g.disks["a"] = g.disks["a"].CrashKeepingNothing()
					dead.Store(true)
					cancel()
				}
				return nil // what is written from now on is on no disk that anybody sees
			})
			_, err := g.tryOpen(cfg, time.Minute)
			require.NoError(t, err)
			g.open("c")
			time.Sleep(5 * time.Second)
			require.Equal(t, "b", g.primary().id)
			g.nodes["a"].add("k")
			g.crash("b")
			g.crash("c")
			time.Sleep(5 * time.Second)
			recovers.Store(true)
			a := g.nodes["a"]
			_, _ = a.Recover(ctx, []string{"b", "c"})
			if !dead.Load() {
				after = -1 // that was all
				return
			}
			delete(g.nodes, "a")
			a.drop()
			require.Empty(t, g.openAll("/d/j", time.Minute, "b", "c"))
			g.nodes["b"].add("k")
			same := []string{"b", "c"}
			if g.open("a").History() == g.nodes["b"].History() {
				same = append(same, "a")
			}
			for _, id := range same {
				g.nodes[id].add("k")
			}
			g.sameOn(same, "k", 2+len(same))
		})
	}
}

// TestRecoverOnAFullDisk: the log does not take what Recover begins with. Nothing has happened then: the node has the name that it had.
func TestRecoverOnAFullDisk(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		var full atomic.Bool
		openB := func() *node {
			cfg := g.config("b")
			cfg.FS = vfs.NewFaulty(cfg.FS, func(op vfs.Op) error {
				if full.Load() && op.Kind == vfs.OpWrite && strings.Contains(op.Name, "/log/") {
					return syscall.ENOSPC
				}
				return nil
			})
			b, err := g.tryOpen(cfg, time.Minute)
			require.NoError(t, err)
			return b
		}
		g.open("a")
		b := openB()
		b.add("k")
		history := b.History()
		g.crash("a")
		time.Sleep(5 * time.Second)
		full.Store(true)
		_, err := b.Recover(t.Context(), []string{"a"})
		require.ErrorContains(t, err, "raft did not take the entry")
		require.Equal(t, history, b.History())
		full.Store(false)
		g.crash("b")
		b = openB()
		require.Equal(t, history, b.History())
		_, err = b.Recover(t.Context(), []string{"a"})
		require.NoError(t, err)
		require.NotEqual(t, history, b.History())
		b.add("k")
		g.same("k", 2)
	})
}
