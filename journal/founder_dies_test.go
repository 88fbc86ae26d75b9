package journal_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/journal/journaltest"
)

// founding is three new nodes that start together, of which a, the one that begins the journal, is killed.
type founding struct {
	*group
	mu     sync.Mutex
	change func(*journal.Config)
	ops    atomic.Int64  // a's disk operations until now
	after  int64         // a dies in place of the one with this number
	dead   chan struct{} // closed then
	acked  map[string]int
}

// tells are peers that hear what one announces some time later, as by gossip.
type tells struct {
	journal.Peers
	later time.Duration

	mu sync.Mutex
	on [][]byte // its way, oldest first
}

func (p *tells) Announce(meta []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on = append(p.on, meta)
	time.AfterFunc(p.later, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = p.Peers.Announce(p.on[0])
		p.on = p.on[1:]
	})
	return nil
}

// gossipTakes is what the announcements of a founder take to arrive.
const gossipTakes = 100 * time.Millisecond

func (f *founding) configOf(id string) journal.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	cfg := f.config(id)
	f.change(&cfg)
	cfg.Peers = &tells{Peers: cfg.Peers, later: gossipTakes}
	return cfg
}

// kill ends a: its disk keeps what was synced.
func (f *founding) kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.dead:
	default:
		f.net.Crash("a")
		f.disks["a"] = f.disks["a"].CrashKeepingNothing()
		close(f.dead)
	}
}

// first runs a until it is killed, making changes as soon as it can.
func (f *founding) first(t *testing.T) {
	cfg := f.configOf("a")
	cfg.FS = vfs.NewFaulty(cfg.FS, func(op vfs.Op) error {
		if op.Kind.Mutates() {
			if f.ops.Add(1) == f.after {
				f.kill()
			}
		}
		return nil // what is written from now on is on no disk that anybody sees
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-f.dead; cancel() }()
	defer f.kill()
	j, err := journal.Open(ctx, cfg, newRegister())
	if err != nil {
		return
	}
	n := &node{Journal: j, t: t, id: "a", session: j.Session()}
	defer n.drop()
	for range 200 {
		_, _, err := j.Propose(ctx, j.Session().Next(), []byte("add a"))
		select {
		case <-f.dead:
			return
		default:
			if !assert.NoError(t, err) {
				return
			}
		}
		f.mu.Lock()
		f.acked["a"]++
		f.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
}

// run opens a node as often as a supervisor would, until until, and makes a change through it. The last error is told.
func (f *founding) run(t *testing.T, id string, until time.Time) (err error) {
	for time.Now().Before(until) {
		cfg := f.configOf(id)
		r := newRegister()
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		var j *journal.Journal
		began := time.Now()
		j, err = journal.Open(ctx, cfg, r)
		cancel()
		assert.LessOrEqual(t, time.Since(began), 16*time.Second, "within its context")
		if err == nil {
			f.mu.Lock()
			f.nodes[id] = &node{Journal: j, t: t, id: id, reg: r, session: j.Session()}
			f.mu.Unlock()
			return nil
		}
		f.net.Crash(id)
		time.Sleep(time.Second)
	}
	return err
}

// forget takes a node's disk.
func (f *founding) forget(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.disks, id)
}

// add makes a change through each node that runs.
func (f *founding) add() {
	for _, id := range f.ids() {
		f.nodes[id].add(id)
		f.acked[id]++
	}
}

// agree checks that all nodes that run are in one history, which has every acknowledged change.
func (f *founding) agree(t *testing.T) {
	f.add()
	time.Sleep(time.Second)
	ids := f.ids()
	require.Len(t, ids, len(f.disks))
	for _, id := range ids {
		require.Equal(t, f.nodes[ids[0]].History(), f.nodes[id].History(), "on %s", id)
		for key, n := range f.acked {
			require.GreaterOrEqual(t, f.nodes[id].reg.get(key), n, "changes through %s, on %s", key, id)
		}
	}
}

type founderDeath struct {
	after int64         // a's disk operations
	at    time.Duration // or so long after it began to open
	lost  bool          // the disk
	back  time.Duration // 0: never
}

// dies runs one death.
func (f *founding) dies(t *testing.T, d founderDeath) {
	f.after = d.after
	began := time.Now()
	var all sync.WaitGroup
	errs := make(chan error, 3)
	until := began.Add(time.Minute)
	for _, id := range []string{"b", "c"} {
		all.Go(func() { errs <- f.run(t, id, until) })
	}
	if d.at > 0 {
		time.AfterFunc(d.at, f.kill)
	}
	all.Go(func() {
		f.first(t)
		if d.back == 0 {
			f.forget("a")
			return
		}
		time.Sleep(d.back)
		if d.lost {
			f.forget("a")
		}
		errs <- f.run(t, "a", until)
	})
	all.Wait()
	close(errs)
	var failed error
	for err := range errs {
		if err != nil {
			failed = err
		}
	}
	if d.lost || d.back == 0 {
		f.withoutIt(t, failed)
	} else {
		require.NoError(t, failed, "its disk is there, and so is everything")
	}
	f.agree(t)
}

// withoutIt has a person say that what the first a had is gone, where somebody waits for that.
func (f *founding) withoutIt(t *testing.T, failed error) {
	delete(f.acked, "a")
	for _, n := range f.nodes {
		if n.tryAdd("probe", 5*time.Second) == nil {
			break
		}
		_, err := n.Recover(t.Context(), []string{"a"})
		require.NoError(t, err)
		break
	}
	if failed == nil {
		return
	}
	require.Regexp(t, "node [abc].*(remove their journal directories|Recover there)", failed.Error())
	running := f.ids()
	waiting := slices.DeleteFunc(slices.Sorted(maps.Keys(f.disks)), func(id string) bool { return slices.Contains(running, id) })
	until := time.Now().Add(time.Minute)
	var all sync.WaitGroup
	for _, id := range waiting {
		if len(running) == 0 {
			f.forget(id)
		}
		all.Go(func() { assert.NoError(t, f.run(t, id, until)) })
	}
	all.Wait()
}

// TestFounderDies kills the node that begins the journal at many moments around that. With its disk all is as it was acknowledged, and
// in one journal. Without it the others begin by themselves, or say who is waited for; then a person's word is enough.
func TestFounderDies(t *testing.T) {
	for name, c := range map[string]struct {
		begins time.Duration
		change func(*journal.Config)
	}{
		"3 expected":    {0, func(c *journal.Config) { c.Expect = 3 }},
		"BootstrapWait": {3 * time.Second, func(*journal.Config) {}},
	} {
		for _, end := range []founderDeath{
			{}, {back: 50 * time.Millisecond}, {back: 20 * time.Second},
			{lost: true, back: 50 * time.Millisecond}, {lost: true, back: 20 * time.Second},
		} {
			t.Run(fmt.Sprintf("%s, disk lost %v, back after %v", name, end.lost, end.back), func(t *testing.T) {
				for _, d := range moments(end, c.begins) {
					t.Run(fmt.Sprintf("operation %d, %v", d.after, d.at), func(t *testing.T) {
						mesh(t, func(t *testing.T, g *group) {
							f := &founding{group: g, change: c.change, dead: make(chan struct{}), acked: map[string]int{}}
							f.dies(t, d)
						})
					})
				}
			})
		}
	}
}

// moments are deaths before each of the first disk operations, and every few milliseconds from when the journal begins until the others
// have joined.
func moments(d founderDeath, begins time.Duration) (all []founderDeath) {
	step := int64(2)
	if racetest.On {
		step = 11
	}
	for d.after = 1; d.after <= 71; d.after += step {
		all = append(all, d)
	}
	d.after = 0
	for at := time.Millisecond; at < 4*gossipTakes; at += time.Duration(step) * 8 * time.Millisecond {
		d.at = begins + at
		all = append(all, d)
	}
	return all
}

// openAll opens nodes at the same time, and returns what became of each that failed.
func (g *group) openAll(dir string, most time.Duration, ids ...string) map[string]error {
	var all sync.WaitGroup
	var mu sync.Mutex
	failed := map[string]error{}
	for _, id := range ids {
		cfg, r := g.config(id), newRegister()
		cfg.Dir = dir
		all.Go(func() {
			ctx, cancel := context.WithTimeout(g.t.Context(), most)
			defer cancel()
			j, err := journal.Open(ctx, cfg, r)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				g.net.Crash(id)
				failed[id] = err
				return
			}
			g.nodes[id] = &node{Journal: j, t: g.t, id: id, reg: r, session: j.Session()}
		})
	}
	all.Wait()
	return failed
}

// TestNewNodeOfALostJournal: new nodes have heard of a journal, and the only one that has any of it is gone. They say who is waited for,
// and begin nothing by themselves; a person has them forget the name. One that is down meanwhile joins what they have begun.
func TestNewNodeOfALostJournal(t *testing.T) {
	for _, dir := range []string{"", "/d/j"} {
		mesh(t, func(t *testing.T, g *group) {
			g.open("a").add("k")
			g.net.Peer("r", journaltest.Options{}) // by way of which they hear of it
			for _, id := range []string{"b", "c", "d"} {
				g.net.Cut("a", id, true)
			}
			waits := func(ids ...string) {
				failed := g.openAll(dir, 20*time.Second, ids...)
				require.Len(t, failed, len(ids))
				for _, err := range failed {
					require.ErrorIs(t, err, journal.ErrNoPrimary)
					require.ErrorContains(t, err, "node a, which told of it")
					require.Equal(t, dir != "", strings.Contains(err.Error(), "remove their journal directories (here /d/j)"), "%v", err)
				}
			}
			waits("b", "c", "d")
			g.crash("a")
			g.net.Crash("r")
			time.Sleep(5 * time.Second)
			if dir != "" { // else they have forgotten
				waits("b", "c")
				delete(g.disks, "b")
				delete(g.disks, "c")
			}
			require.Empty(t, g.openAll(dir, time.Minute, "b", "c"))
			g.nodes["b"].add("k")
			require.Empty(t, g.openAll(dir, time.Minute, "d"))
			g.nodes["d"].add("k")
			g.same("k", 2)
			if dir == "" {
				return
			}
			var other *journal.ClusterError
			_, err := g.tryOpen(g.config("a"), time.Minute) // it is back after all
			require.NoError(t, err)
			_, err = g.tryOpen(g.config("e"), 10*time.Second)
			require.ErrorAs(t, err, &other)
		})
	}
}

// TestOnlyVoterIsBackWithoutItsDisk: it answers, and has nothing: a person says that what it had is lost, and it joins.
func TestOnlyVoterIsBackWithoutItsDisk(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b")
		g.nodes["b"].add("k")
		g.crash("a")
		delete(g.disks, "a")
		cfg := g.config("a")
		back := make(chan error, 1)
		go func() { _, err := g.tryOpen(cfg, time.Minute); back <- err }()
		time.Sleep(10 * time.Second)
		_, err := g.nodes["b"].Recover(t.Context(), nil)
		require.ErrorIs(t, err, journal.ErrNotLost)
		require.ErrorContains(t, err, "is not named as lost")
		_, err = g.nodes["b"].Recover(t.Context(), []string{"a"})
		require.NoError(t, err)
		require.NoError(t, <-back)
		g.nodes["a"].add("k")
		g.same("k", 2)
	})
}

// slowly are peers whose streams take a while to open.
type slowly struct{ journal.Peers }

func (s slowly) Dial(ctx context.Context, id string) (net.Conn, error) {
	time.Sleep(time.Second)
	return s.Peers.Dial(ctx, id)
}

// TestFollowerOfAnEmptyJournal ends as soon as it has opened, where nothing has been changed yet: it has a log all the same.
func TestFollowerOfAnEmptyJournal(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		cfg := g.config("a")
		cfg.Peers = slowly{cfg.Peers}
		_, err := g.tryOpen(cfg, time.Minute)
		require.NoError(t, err)
		g.open("b")
		g.crash("b")
		g.open("b").add("k")
		g.same("k", 1)
	})
}
