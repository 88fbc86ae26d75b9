package harness_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/harness"
)

// disks are where node i has its journal and its disk tier: small file systems of their own.
func disks(t *testing.T, m *harness.Mesh, i int) (journal, tier string) {
	node := filepath.Join(m.Dir, fmt.Sprintf("n%d", i), "node")
	journal, tier = filepath.Join(node, "journal"), filepath.Join(node, "ssd")
	for _, dir := range []string{journal, tier} {
		require.NoError(t, os.MkdirAll(dir, 0o700))
		out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", dir).CombinedOutput()
		require.NoError(t, err, "mount: %s", out)
		t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	}
	return journal, tier
}

// fill takes all the room of the file system at dir, and returns what gives it back.
func fill(t *testing.T, dir string) (empty func()) {
	t.Helper()
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	require.NoError(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4<<10))
	}
	require.ErrorIs(t, errors.Join(err, f.Close()), syscall.ENOSPC)
	return func() { require.NoError(t, os.Remove(ballast)) }
}

// says waits until a process has told of an event after what it had told before.
func says(t *testing.T, p *harness.Process, before, event string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Count(p.Log(), event) > strings.Count(before, event) },
		30*time.Second, 50*time.Millisecond, "%s has not told of %s", p.Name, event)
}

// TestFullDisks fills the disk of the primary's journal, of another's journal, and of a disk tier, again and again. The
// others go on, the node tells of it, and when there is room again it does again what it did.
func TestFullDisks(t *testing.T) {
	if !inside(t, "mount") {
		return
	}
	var hosts []string
	for i := range 3 {
		hosts = append(hosts, fmt.Sprintf("127.0.0.%d:7946", 2+i))
	}
	journals, tiers := make([]string, len(hosts)), make([]string, len(hosts))
	m, load, stop := startMesh(t, hosts, func(m *harness.Mesh) {
		for i := range hosts {
			journals[i], tiers[i] = disks(t, m, i)
		}
	})
	var longest time.Duration
	rounds := 0
	for end := time.Now().Add(*loadTime); time.Now().Before(end) || rounds < 3; rounds++ {
		pause(t, 2*time.Second)
		victim := m.Primary(t.Context())
		require.GreaterOrEqual(t, victim, 0, "nobody leads before a disk is full")
		at := time.Now()
		switch rounds % 3 {
		case 0:
			fullJournal(t, m, victim, journals[victim])
		case 1:
			victim = (victim + 1) % len(hosts)
			fullJournal(t, m, victim, journals[victim])
		case 2:
			fullTier(t, m, victim, tiers[victim])
		}
		longest = max(longest, load.Gap(at, time.Now()))
	}
	require.Less(t, longest, 10*time.Second, "the others went on")
	stop()
	verify(t, m, load.Ledger)
	t.Logf("%d full disks: %s; all there on each node; %v at most without an acknowledgement", rounds, load.Ledger.Counts(), longest)
}

// fullJournal: the node cannot take part, whether it led or not; it reads, and changes of its own wait.
func fullJournal(t *testing.T, m *harness.Mesh, i int, dir string) {
	t.Helper()
	p := m.Process(i)
	before := p.Log()
	m.Hide(i, true)
	empty := fill(t, dir)
	says(t, p, before, "what=Unwritable err=\"")
	require.Eventually(t, func() bool { return m.Primary(t.Context()) >= 0 }, 10*time.Second, 100*time.Millisecond, "one of the others leads")
	pause(t, 2*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := p.Do(ctx, harness.Request{Op: "read", Path: "/nothing", Wait: 1000})
	require.NoError(t, err, "it answers")
	before = p.Log()
	empty()
	says(t, p, before, "what=Unwritable err=<nil>")
	works(t, p, cachefs.MustCache)
	m.Hide(i, false)
}

// fullTier: what does not fit is kept elsewhere, or not at all; what was written to the only copy is refused with the
// reason, or written.
func fullTier(t *testing.T, m *harness.Mesh, i int, dir string) {
	t.Helper()
	p := m.Process(i)
	before := p.Log()
	m.Hide(i, true)
	empty := fill(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, err := p.Do(ctx, harness.Request{Op: "put", Path: "/full", Seed: 1, Size: 1 << 20, Type: int(cachefs.MustCache), Wait: 20_000})
	require.NoError(t, err)
	require.False(t, a.Timeout, "a full disk is no reason to wait")
	if a.Err != "" {
		require.Contains(t, a.Err, "no space")
	}
	says(t, p, before, "what=DirDown")
	works(t, p, cachefs.CacheThrough)
	before = p.Log()
	empty()
	says(t, p, before, "what=DirUp")
	if a.Err == "" {
		a, err = p.Do(ctx, harness.Request{Op: "rm", Path: "/full"})
		require.NoError(t, err)
		require.Empty(t, a.Err)
	}
	works(t, p, cachefs.MustCache)
	m.Hide(i, false)
}

// works makes a node write a file, read it, and take it away.
func works(t *testing.T, p *harness.Process, how cachefs.WriteType) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	path := "/m/probe of " + p.Name
	for _, r := range []harness.Request{
		{Op: "put", Path: path, Seed: 1, Size: 300_000, Type: int(how)}, {Op: "read", Path: path}, {Op: "rm", Path: path},
	} {
		r.Wait = 30_000
		a, err := p.Do(ctx, r)
		require.NoError(t, err)
		require.Empty(t, a.Err, "%s by %s", r.Op, p.Name)
	}
}
