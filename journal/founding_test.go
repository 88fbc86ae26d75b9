package journal_test

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/journal/internal/wire"
	"github.com/millpond/millpond/journal/journaltest"
)

// TestFounderThatFails: a node that is to begin the journal, and whose Restore fails or whose machine ends while it restores, keeps no
// mesh from beginning: another node begins it, or the same one with its next try, and all are in one history.
func TestFounderThatFails(t *testing.T) {
	old, _ := open(t, journal.Config{})
	add(t, old, "k")
	saved := backup(t, old)
	for name, end := range map[string]func(g *group){
		"fails":                func(*group) {},
		"fails and goes":       func(g *group) { time.Sleep(10 * time.Second); g.net.Leave("a") },
		"dies while it begins": func(g *group) { time.Sleep(5 * time.Second); g.net.Crash("a") },
	} {
		for _, dir := range []string{"", "/d/j"} {
			for _, again := range []time.Duration{0, time.Second, time.Minute} {
				if name == "fails" && again > 20*time.Second {
					continue // who is there is waited for
				}
				t.Run(name+", dir="+dir+", again after "+again.String(), func(t *testing.T) {
					mesh(t, func(t *testing.T, g *group) {
						failing := g.config("a")
						failing.Dir = dir
						failing.Restore = func(ctx context.Context, _ string, restore func(io.Reader) error) error {
							return errors.Join(from(saved)(ctx, "", restore), waitSeconds(5), errors.New("down"))
						}
						g.othersBegin(t, dir, saved, func() {
							first := make(chan error, 1)
							go func() { _, err := journal.Open(t.Context(), failing, newRegister()); first <- err }()
							end(g)
							require.ErrorContains(t, <-first, "down")
							time.Sleep(again)
						})
					})
				})
			}
		}
	}
}

func waitSeconds(n int) error { time.Sleep(time.Duration(n) * time.Second); return nil }

// othersBegin opens b and c while a fails, then a; all are one mesh that began with the backup.
func (g *group) othersBegin(t *testing.T, dir string, saved []byte, fail func()) {
	var all sync.WaitGroup
	var mu sync.Mutex
	opening := func(cfg journal.Config) {
		cfg.Dir, cfg.Restore = dir, from(saved)
		r := newRegister()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		j, err := journal.Open(ctx, cfg, r)
		if err != nil {
			t.Errorf("%s: %v", cfg.NodeID, err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		g.nodes[cfg.NodeID] = &node{Journal: j, t: t, id: cfg.NodeID, reg: r, session: j.Session()}
	}
	b, c := g.config("b"), g.config("c")
	all.Go(func() { opening(b) })
	all.Go(func() { opening(c) })
	fail()
	opening(g.config("a"))
	all.Wait()
	require.Len(t, g.nodes, 3)
	for _, id := range g.ids() {
		require.Equal(t, g.nodes["a"].History(), g.nodes[id].History())
		g.nodes[id].add("k")
	}
	g.same("k", 4)
}

// TestFounderThatIsOvertaken: others take a node for dead that begins the journal, and begin theirs. It does not begin a second one,
// and joins with its next try.
func TestFounderThatIsOvertaken(t *testing.T) {
	for _, dir := range []string{"", "/d/j"} {
		mesh(t, func(t *testing.T, g *group) {
			cfg := g.config("a")
			cfg.Dir = dir
			cfg.Restore = func(context.Context, string, func(io.Reader) error) error { return waitSeconds(20) }
			first := make(chan error, 1)
			go func() { _, err := journal.Open(t.Context(), cfg, newRegister()); first <- err }()
			time.Sleep(5 * time.Second)
			g.net.Partition([]string{"a"}, []string{"b"})
			g.open("b").add("k")
			g.net.Heal()
			var other *journal.ClusterError
			require.ErrorAs(t, <-first, &other)
			require.Equal(t, "b", other.Node)
			n, err := g.tryOpen(cfg, 30*time.Second)
			require.NoError(t, err)
			n.add("k")
			g.same("k", 2)
		})
	}
}

// TestFounderIsWaitedFor: nodes of the version before take the name of a history that is about to begin, and wait for the founder.
func TestFounderIsWaitedFor(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		cfg := g.config("a")
		var name string
		down := errors.New("down")
		cfg.Restore = func(_ context.Context, history string, _ func(io.Reader) error) error { name = history; return down }
		_, err := g.tryOpen(cfg, time.Minute)
		require.ErrorIs(t, err, down)
		taken, err := hex.DecodeString(name)
		require.NoError(t, err)
		older := g.net.Peer("b", journaltest.Options{})
		require.NoError(t, older.Announce(wire.Meta{State: wire.Member, Cluster: [16]byte(taken)}.Append(nil)))
		a := g.open("a")
		require.Equal(t, name, a.History())
		a.add("k")
	})
}

// TestLaterNodesBesideAFounder: a node with a lower id, which would be the one to begin, waits for the one that has begun to, also if
// it has not heard of that yet; when that fails and stays, it begins by itself.
func TestLaterNodesBesideAFounder(t *testing.T) {
	for _, fails := range []bool{false, true} {
		for _, heard := range []time.Duration{0, 30 * time.Second} {
			mesh(t, func(t *testing.T, g *group) {
				first := g.config("b")
				down := errors.New("down")
				first.Restore = func(context.Context, string, func(io.Reader) error) error {
					if waitSeconds(10); fails {
						return down
					}
					return nil
				}
				done := make(chan error, 1)
				r := newRegister()
				var b *journal.Journal
				go func() {
					var err error
					b, err = journal.Open(t.Context(), first, r)
					done <- err
				}()
				time.Sleep(4 * time.Second)
				second := g.config("a")
				second.Peers = late{second.Peers, time.Now().Add(heard)}
				a, err := g.tryOpen(second, time.Minute)
				require.NoError(t, err)
				if err := <-done; fails {
					require.ErrorIs(t, err, down)
					g.open("b")
				} else {
					require.NoError(t, err)
					g.nodes["b"] = &node{Journal: b, t: t, id: "b", reg: r, session: b.Session()}
				}
				require.Equal(t, fails, a.Primary())
				a.add("k")
				g.same("k", 1)
			})
		}
	}
}

// refusing is a state machine that takes no backup.
type refusing struct{ *register }

func (refusing) Restore(io.Reader) error { return errors.New("of a later version") }

// TestFounderThatCannotUseItsBackup: the backup is whole, and the state machine of the node that is to begin the journal does not take
// it. The others begin without the node, and it joins them with its next try.
func TestFounderThatCannotUseItsBackup(t *testing.T) {
	old, _ := open(t, journal.Config{})
	add(t, old, "k")
	saved := backup(t, old)
	for _, dir := range []string{"", "/d/j"} {
		mesh(t, func(t *testing.T, g *group) {
			g.othersBegin(t, dir, saved, func() {
				cfg := g.config("a")
				cfg.Dir, cfg.Restore = dir, from(saved)
				_, err := journal.Open(t.Context(), cfg, refusing{newRegister()})
				require.ErrorContains(t, err, "of a later version")
				g.net.Leave("a")
				time.Sleep(10 * time.Second)
			})
		})
	}
}
