package harness_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/harness"
)

// insideEnv is set in the process that has a network of its own.
const insideEnv = "MILLPOND_NETWORK_NAMESPACE"

// inside runs the test that calls it in a network of its own, where addresses can be cut off from each other, with mounts of
// its own, and reports whether this is the process in there. needs are the tools that the test uses.
func inside(t *testing.T, needs ...string) bool {
	t.Helper()
	if !*processes {
		t.Skip("starts real processes: make test-processes")
	}
	if os.Getenv(insideEnv) != "" {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("needs a network and mounts of its own: needs root")
	}
	for _, tool := range append([]string{"unshare", "ip"}, needs...) {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs a network and mounts of its own: %v", err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "-n", "-m", "sh", "-c", `ip link set lo up && exec "$@"`, "sh",
		os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-processes", "-processes.time="+loadTime.String())
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("in namespaces of its own: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if _, said, ok := strings.Cut(line, "_test.go:"); ok {
			t.Log(strings.TrimSpace(said))
		}
	}
	return false
}

// cut keeps packets from one address to another away, or lets them pass again.
func cut(t *testing.T, rule, from, to string) {
	t.Helper()
	out, err := exec.Command("iptables", "-w", rule, "INPUT", "-s", from, "-d", to, "-j", "DROP").CombinedOutput()
	require.NoError(t, err, "iptables: %s", out)
}

// parting is a way in which packets get lost: rule "-A" begins it, "-D" ends it.
type parting struct {
	name string
	part func(t *testing.T, rule string, hosts []string, primary int)
	away func(primary, hosts int) int // who is apart from the primary that the others then have
}

var partings = []parting{
	{"the primary reaches nobody, and nobody reaches it", func(t *testing.T, rule string, hosts []string, primary int) {
		toOthers(t, rule, hosts, primary)
		fromOthers(t, rule, hosts, primary)
	}, thePrimary},
	{"the primary reaches nobody", toOthers, thePrimary},
	{"nobody reaches the primary", fromOthers, thePrimary},
	{"another and the primary do not reach each other", func(t *testing.T, rule string, hosts []string, primary int) {
		next := theNext(primary, len(hosts))
		cut(t, rule, address(hosts[primary]), address(hosts[next]))
		cut(t, rule, address(hosts[next]), address(hosts[primary]))
	}, theNext},
}

func thePrimary(primary, _ int) int  { return primary }
func theNext(primary, hosts int) int { return (primary + 1) % hosts }

func toOthers(t *testing.T, rule string, hosts []string, from int) {
	for i := range hosts {
		if i != from {
			cut(t, rule, address(hosts[from]), address(hosts[i]))
		}
	}
}

func fromOthers(t *testing.T, rule string, hosts []string, to int) {
	for i := range hosts {
		if i != to {
			cut(t, rule, address(hosts[i]), address(hosts[to]))
		}
	}
}

func address(host string) string { return host[:strings.LastIndexByte(host, ':')] }

// TestPartitions cuts the primary off, wholly or in one direction, or another from it, again and again. The others have a primary and go
// on; the one that is apart reads, and changes nothing; when it is back, all have the same.
func TestPartitions(t *testing.T) {
	if !inside(t, "iptables") {
		return
	}
	var hosts []string
	for i := range 3 {
		hosts = append(hosts, fmt.Sprintf("127.0.0.%d:7946", 2+i))
	}
	m, load, stop := startMesh(t, hosts, func(m *harness.Mesh) { m.TCPOnly = true })
	parts := 0
	for end := time.Now().Add(*loadTime); time.Now().Before(end) || parts < len(partings); parts++ {
		pause(t, 2*time.Second)
		primary := m.Primary(t.Context())
		require.GreaterOrEqual(t, primary, 0, "nobody leads before the partition")
		how := partings[parts%len(partings)]
		victim := how.away(primary, len(hosts))
		known := load.Ledger.Settled(harness.StoreDir(0))
		m.Hide(victim, true)
		at := time.Now()
		how.part(t, "-A", hosts, primary)
		cutOff(t, m.Process(victim), known, m.Open())
		gap := load.Gap(at, time.Now())
		t.Logf("%s: %v without an acknowledgement", how.name, gap)
		require.Less(t, gap, 10*time.Second, "the others went on")
		how.part(t, "-D", hosts, primary)
		m.Hide(victim, false)
		pause(t, 5*time.Second)
	}
	stop()
	verify(t, m, load.Ledger)
	t.Logf("%d partitions: %s; all there on each node", parts, load.Ledger.Counts())
}

// cutOff looks what a node that does not see the primary does: it reads, and what it is asked to change does not happen.
func cutOff(t *testing.T, p *harness.Process, known []string, others []*harness.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	a, err := p.Do(ctx, harness.Request{Op: "mkdir", Path: "/cut off", Wait: 6000})
	require.NoError(t, err)
	require.NotEmpty(t, a.Err, "a node that is cut off made a change")
	require.Regexp(t, "no primary|outcome is unknown", a.Err)
	for _, path := range known[:min(len(known), 3)] {
		a, err := p.Do(ctx, harness.Request{Op: "read", Path: path, Wait: 5_000})
		require.NoError(t, err)
		switch {
		case a.Timeout: // it waits for a removal or a rename that had begun: the others know its end
			b, err := others[0].Do(ctx, harness.Request{Op: "read", Path: path, Wait: 20_000})
			require.NoError(t, err)
			require.Contains(t, b.Err, "not exist", "%s cannot be read by the node that is cut off", path)
		case a.Err != "": // the others removed it just before, or since
			require.Regexp(t, "not exist|changed in the under store", a.Err, path)
		}
	}
}
