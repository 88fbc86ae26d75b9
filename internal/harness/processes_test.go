//go:build unix

package harness_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/harness"
	"github.com/millpond/millpond/internal/harness/signed"
	"github.com/millpond/millpond/journal"
)

var (
	processes = flag.Bool("processes", false, "start real processes, as make test-processes does")
	loadTime  = flag.Duration("processes.time", 20*time.Second, "how long each test kills and parts")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startMesh starts n nodes and makes changes through them until the test calls the function that it returns. prepare is
// called before they start.
func startMesh(t *testing.T, hosts []string, prepare ...func(m *harness.Mesh)) (*harness.Mesh, *harness.Load, func()) {
	t.Helper()
	if !*processes {
		t.Skip("starts real processes: make test-processes")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	bin, err := harness.Build(ctx, t.TempDir())
	require.NoError(t, err)
	m := &harness.Mesh{Bin: bin, Dir: t.TempDir(), Hosts: hosts, Secret: "a secret of the harness", Memory: 16 << 20, Disk: 256 << 20}
	t.Cleanup(func() {
		logs := m.Kill()
		assert.NotContains(t, logs, "did not match its checksum", "nobody flips bits here")
		if t.Failed() {
			t.Log(logs)
		}
	})
	for _, f := range prepare {
		f(m)
	}
	require.NoError(t, m.Start(ctx))
	load := &harness.Load{Ledger: harness.NewLedger(), Nodes: m.Open, Workers: 6, Wait: 20 * time.Second}
	work, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- load.Run(work) }()
	return m, load, func() {
		t.Helper()
		stop()
		require.NoError(t, <-ended)
	}
}

// freePorts are n addresses of this machine that nobody listens at now.
func freePorts(t *testing.T, n int) (hosts []string) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		hosts = append(hosts, l.Addr().String())
	}
	return hosts
}

// verify looks at every node: each shows what was acknowledged, byte by byte, and all show the same. A change that nobody waited
// for to the end may come between two looks; then it looks again.
func verify(t *testing.T, m *harness.Mesh, ledger *harness.Ledger) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	trees := lookAtAll(ctx, t, m, ledger)
	for range 2 {
		if !allSame(trees) {
			trees = lookAtAll(ctx, t, m, ledger)
		}
	}
	for i, p := range m.Alive() {
		require.Equal(t, trees[0], trees[i], "%s shows something else than the first node", p.Name)
	}
}

// lookAtAll has each node read all files.
func lookAtAll(ctx context.Context, t *testing.T, m *harness.Mesh, ledger *harness.Ledger) (trees []map[string]string) {
	t.Helper()
	for _, p := range m.Alive() {
		a, err := p.Do(ctx, harness.Request{Op: "tree", Path: "/"})
		require.NoError(t, err, p.Name)
		require.Empty(t, a.Err, p.Name)
		require.NoError(t, ledger.Check(a.Tree), p.Name)
		trees = append(trees, a.Tree)
	}
	return trees
}

func allSame(trees []map[string]string) bool {
	return !slices.ContainsFunc(trees, func(tree map[string]string) bool { return !maps.Equal(tree, trees[0]) })
}

func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// TestKills kills the primary, voters and learners in random order under load, and starts them again. Reads through the others go on.
func TestKills(t *testing.T) {
	m, load, stop := startMesh(t, freePorts(t, 6)) // five have votes
	looks := &harness.Looks{Files: putThrough(t, m.Process(0), load.Ledger, "/m/still"), Nodes: m.Open, Workers: 2}
	for _, p := range m.Open() {
		hear(t, p)
	}
	looking, stopLooking := context.WithCancel(t.Context())
	looked := make(chan error, 1)
	go func() { looked <- looks.Run(looking) }()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(1, seed))
	var gaps []time.Duration
	var order []journal.Role
	kills := map[journal.Role]int{}
	for end := time.Now().Add(*loadTime); time.Now().Before(end) || len(kills) < 3; {
		pause(t, time.Second)
		if len(order) == 0 {
			order = []journal.Role{journal.RolePrimary, journal.RoleVoter, journal.RolePrimary, journal.RoleLearner}
			rng.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
		}
		role := order[0]
		having := m.Roles(t.Context())[role]
		if len(having) == 0 { // nobody leads yet, or a vote is on its way
			continue
		}
		order = order[1:]
		victim := having[rng.IntN(len(having))]
		kills[role]++
		at := time.Now()
		require.NoError(t, m.Process(victim).Kill())
		pause(t, 4*time.Second)
		if role == journal.RolePrimary {
			gaps = append(gaps, load.Gap(at, at.Add(4*time.Second)))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		require.NoError(t, m.Restart(ctx, victim))
		cancel()
	}
	stop()
	stopLooking()
	require.NoError(t, <-looked)
	verify(t, m, load.Ledger)
	slices.Sort(gaps)
	t.Logf("kills %v: %s; all there on each node", kills, load.Ledger.Counts())
	longest, n := looks.Longest()
	t.Logf("%d times a file was looked up, listed and read meanwhile: none failed, the longest took %v", n, longest)
	require.NotZero(t, n)
	require.Less(t, longest, slowestRead)
	if len(gaps) > 0 {
		t.Logf("without an acknowledgement after the primary was killed: median %v, p95 %v, longest %v", gaps[len(gaps)/2], gaps[len(gaps)*95/100], gaps[len(gaps)-1])
	}
}

// slowestRead is how long a read may last while a node is stopped: it takes less than two seconds to be taken for dead.
const slowestRead = 5 * time.Second

// TestStopped freezes one process at a time, voters and a learner, the primary among them; the others go on, and read what it
// has, and owns, from elsewhere: each read is right, and soon.
func TestStopped(t *testing.T) {
	m, load, stop := startMesh(t, freePorts(t, 4))
	stops, primaries, reads := 0, 0, 0
	var longest time.Duration
	for end := time.Now().Add(*loadTime); time.Now().Before(end); stops++ {
		victim := stops % len(m.Hosts)
		pause(t, time.Second)
		files := putThrough(t, m.Process(victim), load.Ledger, fmt.Sprint("/m/stop", stops))
		if victim == m.Primary(t.Context()) {
			primaries++
		}
		m.Hide(victim, true)
		for _, reader := range m.Open() { // else the victim may be the only one to know that the last file is complete
			hear(t, reader)
		}
		require.NoError(t, m.Process(victim).Stop())
		for _, reader := range m.Open() {
			longest = max(longest, readAll(t, reader, files))
			reads += len(files)
		}
		pause(t, 3*time.Second)
		require.NoError(t, m.Process(victim).Continue())
		m.Hide(victim, false)
		pause(t, 2*time.Second)
	}
	stop()
	verify(t, m, load.Ledger)
	t.Logf("%d stops of some seconds (%d of the primary): %s; all there on each node", stops, primaries, load.Ledger.Counts())
	t.Logf("%d reads meanwhile of what the stopped node had written: none failed, the longest took %v", reads, longest)
}

// TestPauses freezes the primary for 200 ms, as a busy disk or a collection of garbage does, again and again: it goes on to lead.
func TestPauses(t *testing.T) {
	m, load, stop := startMesh(t, freePorts(t, 3))
	pause(t, 5*time.Second) // all have votes
	victim := m.Primary(t.Context())
	require.GreaterOrEqual(t, victim, 0)
	p := m.Process(victim)
	ask := func() harness.Answer {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		a, err := p.Do(ctx, harness.Request{Op: "cluster"})
		require.NoError(t, err)
		return a
	}
	began := ask()
	pauses := 0
	for end := time.Now().Add(*loadTime); time.Now().Before(end); pauses++ {
		require.NoError(t, p.Stop())
		pause(t, 200*time.Millisecond)
		require.NoError(t, p.Continue())
		pause(t, 300*time.Millisecond)
		a := ask()
		require.Equal(t, p.ID, a.Primary, "after %d pauses", pauses)
		require.Equal(t, began.Term, a.Term, "it led all the while")
	}
	stop()
	verify(t, m, load.Ledger)
	t.Logf("%d pauses of 200 ms of the primary, which led all the while: %s; all there on each node", pauses, load.Ledger.Counts())
}

// putThrough makes a process write files to the store, and returns what each must be.
func putThrough(t *testing.T, p *harness.Process, ledger *harness.Ledger, dir string) (files map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	files = map[string]string{}
	for i := range 10 {
		r := harness.Request{Op: "put", Path: fmt.Sprint(dir, "/f", i), Seed: uint32(i), Size: 150_000, Type: int(cachefs.CacheThrough)}
		a, err := p.Do(ctx, r)
		require.NoError(t, err)
		require.Empty(t, a.Err)
		files[r.Path] = signed.Name(r.Seed, r.Size)
		ledger.Acked(r, files[r.Path])
	}
	return files
}

// hear lets a process hear of all that was done.
func hear(t *testing.T, p *harness.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, err := p.Do(ctx, harness.Request{Op: "hear", Path: "/"})
	require.NoError(t, err)
	require.Empty(t, a.Err)
}

// readAll reads files through a process, and returns how long the slowest took.
func readAll(t *testing.T, p *harness.Process, files map[string]string) (longest time.Duration) {
	t.Helper()
	for path, want := range files {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		began := time.Now()
		a, err := p.Do(ctx, harness.Request{Op: "read", Path: path})
		cancel()
		longest = max(longest, time.Since(began))
		require.NoError(t, err)
		require.Empty(t, a.Err, "%s by %s", path, p.Name)
		require.Equal(t, want, a.What, "%s by %s", path, p.Name)
	}
	require.Less(t, longest, slowestRead, p.Name)
	return longest
}

// TestLeaving shuts nodes down and starts them again until each has been gone once.
func TestLeaving(t *testing.T) {
	m, load, stop := startMesh(t, freePorts(t, 3))
	for i := range m.Hosts {
		pause(t, 2*time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		require.NoError(t, m.Process(i).Shutdown(ctx))
		pause(t, 2*time.Second)
		require.NoError(t, m.Restart(ctx, i))
		cancel()
	}
	stop()
	verify(t, m, load.Ledger)
	t.Logf("3 leave and come back: %s; all there on each node", load.Ledger.Counts())
}
