package journal_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal"
)

// backup is what j's state is.
func backup(t testing.TB, j *journal.Journal) []byte {
	t.Helper()
	var b bytes.Buffer
	index, err := j.Backup(t.Context(), &b)
	require.NoError(t, err)
	require.Equal(t, j.Index(), index)
	return b.Bytes()
}

// from is Config.Restore of a backup.
func from(b []byte) func(context.Context, string, func(io.Reader) error) error {
	return func(_ context.Context, _ string, restore func(io.Reader) error) error {
		return restore(bytes.NewReader(b))
	}
}

// places are where a journal may live.
func places() map[string]journal.Config {
	return map[string]journal.Config{"memory": {}, "disk": {Dir: "/j", FS: vfs.NewMem()}}
}

func TestBackupAndRestore(t *testing.T) {
	old, _ := open(t, journal.Config{})
	op := old.Session().Next()
	first, at, err := old.Propose(t.Context(), op, []byte("add k"))
	require.NoError(t, err)
	add(t, old, "k")
	add(t, old, "l")
	b := backup(t, old)
	add(t, old, "later")

	for name, cfg := range places() {
		t.Run(name, func(t *testing.T) {
			cfg.Restore = from(b)
			j, r := open(t, cfg)
			require.Equal(t, map[string]int{"k": 2, "l": 1}, r.all())
			require.EqualValues(t, 3, j.Index(), "numbers go on")
			again, index, err := j.Propose(t.Context(), op, []byte("add k"))
			require.NoError(t, err)
			require.Equal(t, first, again, "a retry gets the first answer")
			require.Equal(t, at, index)
			require.EqualValues(t, 5, add(t, j, "k"))
			for e, err := range j.Subscribe(t.Context(), 5) {
				require.NoError(t, err)
				require.EqualValues(t, 5, e.Index)
				break
			}
			var gone *journal.CompactedError
			for _, err := range j.Subscribe(t.Context(), 1) {
				require.ErrorAs(t, err, &gone)
			}
			require.NoError(t, j.Checkpoint(t.Context()))
			add(t, j, "k")
			name := j.History()
			require.Len(t, name, 32)
			require.NoError(t, j.Close(t.Context()))
			if cfg.Dir == "" {
				return
			}
			cfg.Restore = func(context.Context, string, func(io.Reader) error) error { return errors.New("asked again") }
			j, r = open(t, cfg)
			require.Equal(t, map[string]int{"k": 4, "l": 1}, r.all())
			require.Equal(t, name, j.History())
		})
	}
}

func TestRestoreOfNothing(t *testing.T) {
	for name, cfg := range places() {
		t.Run(name, func(t *testing.T) {
			cfg.Restore = func(context.Context, string, func(io.Reader) error) error { return nil }
			j, _ := open(t, cfg)
			require.EqualValues(t, 1, add(t, j, "k"))
		})
	}
}

// TestRestoreFallsBack: a backup that is cut, flipped or goes on is not taken, and leaves nothing; the one that is offered
// next is.
func TestRestoreFallsBack(t *testing.T) {
	old, _ := open(t, journal.Config{})
	add(t, old, "k")
	good := backup(t, old)
	add(t, old, "damaged")
	newer := backup(t, old)
	bad := [][]byte{newer[:0], append(bytes.Clone(newer), 0)}
	for cut := 1; cut < len(newer); cut += 7 {
		flipped := bytes.Clone(newer)
		flipped[cut] ^= 1
		bad = append(bad, newer[:cut], flipped)
	}
	for name := range places() {
		t.Run(name, func(t *testing.T) {
			for i, b := range bad {
				cfg := places()[name]
				cfg.Restore = func(_ context.Context, _ string, restore func(io.Reader) error) error {
					require.Error(t, restore(bytes.NewReader(b)), "bad backup %d", i)
					return restore(bytes.NewReader(good))
				}
				j, r := open(t, cfg)
				require.Equal(t, map[string]int{"k": 1}, r.all(), "bad backup %d", i)
				require.NoError(t, j.Close(t.Context()))
			}
		})
	}
}

// TestRestoreThatIsNotTaken: who ignores that a backup was not taken does not begin with nothing, nor with a part of it, nor, in memory or on a
// disk, with what was taken before.
func TestRestoreThatIsNotTaken(t *testing.T) {
	old, _ := open(t, journal.Config{})
	add(t, old, "k")
	good := backup(t, old)
	add(t, old, "l")
	bad := backup(t, old)
	bad = bad[:len(bad)-1]
	for name := range places() {
		for _, offers := range [][][]byte{{bad}, {good, bad}, {bad, good, bad}} {
			cfg := places()[name]
			cfg.Restore = func(_ context.Context, _ string, restore func(io.Reader) error) error {
				for _, b := range offers {
					_ = restore(bytes.NewReader(b))
				}
				return nil
			}
			_, err := journal.Open(t.Context(), cfg, newRegister())
			require.ErrorContains(t, err, "not taken", "%s, %d offers", name, len(offers))
			cfg.Restore = from(good)
			_, r := open(t, cfg)
			require.Equal(t, map[string]int{"k": 1}, r.all())
		}
	}
}

// TestRestoreThatFails: Open fails, and the next one asks again for the same history, whatever was taken before it failed.
func TestRestoreThatFails(t *testing.T) {
	old, _ := open(t, journal.Config{})
	add(t, old, "k")
	b := backup(t, old)
	cfg := journal.Config{Dir: "/j", FS: vfs.NewMem()}
	down := errors.New("down")
	var asked []string
	cfg.Restore = func(_ context.Context, history string, restore func(io.Reader) error) error {
		asked = append(asked, history)
		require.NoError(t, restore(bytes.NewReader(b)))
		return down
	}
	for range 2 {
		_, err := journal.Open(t.Context(), cfg, newRegister())
		require.ErrorIs(t, err, down)
	}
	cfg.Restore = func(_ context.Context, history string, restore func(io.Reader) error) error {
		asked = append(asked, history)
		return restore(bytes.NewReader(b))
	}
	j, r := open(t, cfg)
	require.Equal(t, map[string]int{"k": 1}, r.all())
	require.Equal(t, []string{j.History(), j.History(), j.History()}, asked)
}

// TestRestoreThatFailsLeavesNothing: also for an Open that is not to restore any more.
func TestRestoreThatFailsLeavesNothing(t *testing.T) {
	old, _ := open(t, journal.Config{})
	add(t, old, "k")
	b := backup(t, old)
	cfg := journal.Config{Dir: "/j", FS: vfs.NewMem()}
	cfg.Restore = func(ctx context.Context, history string, restore func(io.Reader) error) error {
		return errors.Join(from(b)(ctx, history, restore), errors.New("down"))
	}
	_, err := journal.Open(t.Context(), cfg, newRegister())
	require.ErrorContains(t, err, "down")
	cfg.Restore = nil
	_, r := open(t, cfg)
	require.Empty(t, r.all())
}

// TestRestoreThatFailsIsCutOffByACrash stops it at each step that the disk makes, those that delete what was restored among them: the next one
// begins the same history, or, if it is not to restore any more, with all of the backup or with nothing.
func TestRestoreThatFailsIsCutOffByACrash(t *testing.T) {
	old, _ := open(t, journal.Config{})
	add(t, old, "k")
	b := backup(t, old)
	down := errors.New("down")
	failing := func(ctx context.Context, history string, restore func(io.Reader) error) error {
		return errors.Join(from(b)(ctx, history, restore), down)
	}
	all := map[string]int{"k": 1}
	left := map[int]int{}
	for at := int64(1); ; at++ {
		disk := vfs.NewMem()
		require.NoError(t, disk.MkdirAll("/d", 0o700))
		require.NoError(t, disk.SyncDir("/"))
		hit := false
		cfg := journal.Config{Dir: "/d/j", Restore: failing, FS: vfs.NewFaulty(disk, func(op vfs.Op) error {
			if op.Index >= at {
				hit = true
				return errPower
			}
			return nil
		})}
		_, err := journal.Open(t.Context(), cfg, newRegister())
		require.Error(t, err)
		for _, d := range []*vfs.Mem{disk.CrashKeepingNothing(), disk.Crash(rand.New(rand.NewPCG(uint64(at), 0)))} {
			without, r := open(t, journal.Config{Dir: "/d/j", FS: d.Copy()})
			left[len(r.all())]++
			require.Subset(t, all, r.all(), "operation %d", at)
			require.NoError(t, without.Close(t.Context()))
			_, r = open(t, journal.Config{Dir: "/d/j", FS: d, Restore: from(b)})
			require.Equal(t, all, r.all(), "operation %d", at)
		}
		if !hit {
			break
		}
	}
	require.Positive(t, left[0])
	require.Positive(t, left[1], "none was cut off between the backup that was taken and its deletion")
}

// TestRestoreLeavesOtherCheckpoints: where log and state are gone, a checkpoint that is no backup's is what there is. Nobody is asked for an
// older one, and nothing that fails deletes it.
func TestRestoreLeavesOtherCheckpoints(t *testing.T) {
	disk := vfs.NewMem()
	require.NoError(t, disk.MkdirAll("/b/j", 0o700))
	was, _ := open(t, journal.Config{Dir: "/a/j", FS: disk, NodeID: "n"})
	add(t, was, "k")
	require.NoError(t, was.Checkpoint(t.Context()))
	require.NoError(t, was.Close(t.Context()))
	require.NoError(t, disk.Rename("/a/j/checkpoints", "/b/j/checkpoints"))
	cfg := journal.Config{Dir: "/b/j", FS: disk, NodeID: "n"}
	cfg.Restore = func(context.Context, string, func(io.Reader) error) error { return errors.New("down") }
	j, r := open(t, cfg)
	require.Equal(t, map[string]int{"k": 1}, r.all())
	add(t, j, "k")
}

// TestRestoreCutOffByACrash stops a restore at each step that the disk makes; the next one begins the same history.
func TestRestoreCutOffByACrash(t *testing.T) {
	old, _ := open(t, journal.Config{})
	add(t, old, "k")
	b := backup(t, old)
	failed := 0
	for at := int64(1); ; at++ {
		disk := vfs.NewMem()
		require.NoError(t, disk.MkdirAll("/d", 0o700))
		require.NoError(t, disk.SyncDir("/"))
		hit := false
		cfg := journal.Config{Dir: "/d/j", Restore: from(b), FS: vfs.NewFaulty(disk, func(op vfs.Op) error {
			if op.Index >= at {
				hit = true
				return errPower
			}
			return nil
		})}
		if j, err := journal.Open(t.Context(), cfg, newRegister()); err == nil {
			_ = j.Close(t.Context())
		} else {
			failed++
		}
		cfg.FS = disk.CrashKeepingNothing()
		j, r := open(t, cfg)
		require.Equal(t, map[string]int{"k": 1}, r.all(), "operation %d", at)
		require.EqualValues(t, 2, add(t, j, "k"))
		require.NoError(t, j.Close(t.Context()))
		if !hit {
			break
		}
	}
	require.Greater(t, failed, 10)
}

func TestBackupOfAMesh(t *testing.T) {
	for _, dir := range []string{"/d/j", ""} {
		t.Run("dir="+dir, func(t *testing.T) {
			var b []byte
			mesh(t, func(t *testing.T, g *group) {
				g.grow("a", "b", "c")
				g.nodes["a"].add("k")
				g.nodes["b"].add("k")
				p := g.primary()
				for _, id := range g.ids() {
					if id != p.id {
						_, err := g.nodes[id].Backup(t.Context(), io.Discard)
						require.ErrorIs(t, err, journal.ErrNoPrimary)
						require.ErrorContains(t, err, p.id)
					}
				}
				b = backup(t, p.Journal)
			})
			mesh(t, func(t *testing.T, g *group) {
				asked := map[string]bool{}
				var mu sync.Mutex
				g.together(map[string]time.Duration{"x": 0, "y": 0, "z": 0}, func(c *journal.Config) {
					c.Dir = dir
					c.Restore = func(ctx context.Context, history string, restore func(io.Reader) error) error {
						mu.Lock()
						asked[history] = true
						mu.Unlock()
						time.Sleep(10 * time.Second) // the others wait for it
						return from(b)(ctx, history, restore)
					}
				})
				for _, id := range g.ids() {
					g.nodes[id].add("k")
				}
				g.same("k", 5)
				require.Len(t, asked, 1, "by the one that founds it")
				require.Contains(t, asked, g.nodes["z"].History())
				if dir != "" {
					g.crash("x")
					g.open("x").add("k")
					g.same("k", 6)
				}
			})
		})
	}
}

// TestLast: whoever ends last does what Config.Last says, with all that was acknowledged and a majority to say so, also where all
// nodes end at the same time.
func TestLast(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, g *group){
		"one by one": func(t *testing.T, g *group) {
			for _, id := range g.ids() {
				g.leave(id)
			}
		},
		"together": func(t *testing.T, g *group) {
			var all sync.WaitGroup
			for id, n := range g.nodes {
				delete(g.nodes, id)
				all.Go(func() {
					if err := n.Close(t.Context()); err != nil {
						t.Errorf("%s: %v", id, err)
					}
					g.net.Leave(id)
				})
			}
			all.Wait()
		},
	} {
		for _, ids := range [][]string{{"a"}, {"a", "b"}, {"a", "b", "c", "d", "e", "f"}} {
			mesh(t, func(t *testing.T, g *group) {
				var mu sync.Mutex
				var last bytes.Buffer
				var by []string
				g.together(startAtOnce(ids), func(c *journal.Config) {
					id := c.NodeID
					c.Last = func(ctx context.Context) error {
						mu.Lock()
						defer mu.Unlock()
						by = append(by, id)
						_, err := g.opened[id].Backup(ctx, &last)
						return err
					}
				})
				g.opened = maps.Clone(g.nodes)
				time.Sleep(10 * time.Second)
				for _, id := range ids {
					g.nodes[id].add("k")
				}
				began := time.Now()
				end(t, g)
				require.Len(t, by, 1, "%s, %d nodes", name, len(ids))
				require.Less(t, time.Since(began), 4*time.Second, "%s, %d nodes", name, len(ids))
				_, r := open(t, journal.Config{Restore: from(last.Bytes())})
				require.Equal(t, map[string]int{"k": len(ids)}, r.all(), "%s, %d nodes", name, len(ids))
			})
		}
	}
}

func startAtOnce(ids []string) map[string]time.Duration {
	at := map[string]time.Duration{}
	for _, id := range ids {
		at[id] = 0
	}
	return at
}

// TestLastThatFails: Close says so, and a node that sees no primary does not end as if all were well.
func TestLastThatFails(t *testing.T) {
	full := errors.New("full")
	j, err := journal.Open(t.Context(), journal.Config{Last: func(context.Context) error { return full }}, newRegister())
	require.NoError(t, err)
	require.ErrorIs(t, j.Close(t.Context()), full)
	require.ErrorIs(t, j.Close(t.Context()), full, "again")

	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b")
		last := g.ids()[0]
		if g.primary().id == last {
			last = g.ids()[1]
		}
		g.crash(g.primary().id)
		cfg := g.config(last)
		n := g.nodes[last]
		delete(g.nodes, last)
		require.NoError(t, n.Close(t.Context()), "without Last there is nothing to say")
		g.net.Leave(last)
		var again *node
		cfg.Last = func(ctx context.Context) error { _, err := again.Backup(ctx, io.Discard); return err }
		again, err := g.tryOpen(cfg, time.Minute)
		require.NoError(t, err)
		delete(g.nodes, last)
		require.ErrorIs(t, again.Close(t.Context()), journal.ErrNoPrimary)
	})
}

// TestBackupBesideChanges: a backup is the state at one change, however many are made while it is written, and ends with its
// context.
func TestBackupBesideChanges(t *testing.T) {
	old, _ := open(t, journal.Config{})
	for range 100 {
		add(t, old, "a")
		add(t, old, "b")
	}
	ctx, cancel := context.WithCancel(t.Context())
	var changing sync.WaitGroup
	changing.Go(func() {
		for ctx.Err() == nil {
			add(t, old, "a")
			add(t, old, "b")
		}
	})
	for range 50 {
		var b bytes.Buffer
		index, err := old.Backup(t.Context(), &b)
		require.NoError(t, err)
		j, r := open(t, journal.Config{Restore: from(b.Bytes())})
		require.Equal(t, index, j.Index())
		require.EqualValues(t, index, r.get("a")+r.get("b"))
		require.NoError(t, j.Close(t.Context()))
	}
	cancel()
	changing.Wait()
	_, err := old.Backup(ctx, io.Discard)
	require.ErrorIs(t, err, context.Canceled)
}

// TestBackupOfACutOffPrimary: one that is cut off, and has not noticed yet, may lack what the others acknowledge by now.
func TestBackupOfACutOffPrimary(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c")
		p := g.primary()
		g.net.Partition([]string{p.id}, others(g.ids(), p.id))
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		require.True(t, p.Primary(), "it has not noticed")
		_, err := p.Backup(ctx, io.Discard)
		require.ErrorIs(t, err, journal.ErrNoPrimary)
	})
}

// TestHistoryKeepsItsName: a journal that was alone, and has a name for its backups, keeps it when it meets others.
func TestHistoryKeepsItsName(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		cfg := g.config("a")
		cfg.Peers, cfg.JoinSource = nil, false
		cfg.Restore = func(context.Context, string, func(io.Reader) error) error { return nil }
		alone, err := g.tryOpen(cfg, time.Minute)
		require.NoError(t, err)
		alone.add("k")
		name := alone.History()
		require.NotEmpty(t, name)
		require.NoError(t, alone.Close(t.Context()))
		delete(g.nodes, "a")
		g.grow("a", "b")
		require.Equal(t, name, g.nodes["a"].History())
		require.Equal(t, name, g.nodes["b"].History())
		g.nodes["b"].add("k")
		g.same("k", 2)
	})
}
