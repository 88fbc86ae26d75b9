//go:build unix

// Package servers_test runs the scripts that start real servers where those servers' programs are stubs: what the scripts
// say when something is in the way.
package servers_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a machine on which only the usual tools and some stubs can be run. The scripts see nothing else of this one.
type bench struct {
	dir    string // has bin, cache, scripts and data
	nobody bool   // the scripts run as an ordinary user
}

// usual are the tools that a bare Debian has.
var usual = []string{"bash", "basename", "base64", "cat", "dirname", "env", "grep", "id", "kill", "mkdir", "mktemp", "rm", "setsid", "stat", "tail", "touch", "printf"}

func newBench(t *testing.T) *bench {
	b := &bench{dir: t.TempDir()}
	for _, sub := range []string{"bin", "cache", "scripts", "data"} {
		require.NoError(t, os.Mkdir(filepath.Join(b.dir, sub), 0o777))
	}
	for _, tool := range usual {
		if at, err := exec.LookPath(tool); err == nil {
			require.NoError(t, os.Symlink(at, filepath.Join(b.dir, "bin", tool)))
		}
	}
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	b.stub(t, "bin/sleep", `[ "$1" != 0.1 ] || exec `+sleep+" 0.1") // not the seconds between tries
	scripts, err := filepath.Glob("*.sh")
	require.NoError(t, err)
	for _, s := range scripts {
		text, err := os.ReadFile(s)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(b.dir, "scripts", s), text, 0o755))
	}
	return b
}

// stub is a program of one line.
func (b *bench) stub(t *testing.T, path, line string) {
	t.Helper()
	at := filepath.Join(b.dir, path)
	require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o777))
	_ = os.Remove(at) // it may be a link to a tool
	require.NoError(t, os.WriteFile(at, []byte("#!"+filepath.Join(b.dir, "bin/bash")+"\n"+line+"\n"), 0o755))
}

// installed makes stubs of all that the scripts install, each of which says line and ends.
func (b *bench) installed(t *testing.T, line string) {
	for _, p := range []string{
		"cache/azurite-3.35.0/node_modules/.bin/azurite-blob", "cache/fake-gcs-server-v1.56.1/fake-gcs-server", "cache/versitygw-v1.8.0/versitygw",
		"bin/java", "bin/mvn", "bin/curl", "bin/memcached", "bin/swift-ring-builder", "bin/swift-proxy-server", "bin/swift-account-server",
		"bin/swift-container-server", "bin/swift-object-server", "bin/krb5kdc", "bin/kdb5_util", "bin/kadmin.local", "bin/kinit",
	} {
		b.stub(t, p, line)
	}
	b.stub(t, "cache/hadoop-3.4.1/complete", "")
}

// start runs STORE.sh start, and answers with its status and what it said.
func (b *bench) start(t *testing.T, store string, env ...string) (status int, stdout, stderr string) {
	t.Helper()
	return b.script(t, store, []string{"start", filepath.Join(b.dir, "data", store)}, env...)
}

func (b *bench) script(t *testing.T, store string, args []string, env ...string) (status int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(b.dir, "bin/bash"), append([]string{filepath.Join(b.dir, "scripts", store+".sh")}, args...)...)
	cmd.Dir = b.dir
	cmd.Env = append([]string{"PATH=" + filepath.Join(b.dir, "bin"), "HOME=" + b.dir, "TMPDIR=" + b.dir, "MILLPOND_SERVERS=" + filepath.Join(b.dir, "cache"), "MILLPOND_PORTS=" + filepath.Join(b.dir, "ports")}, env...)
	if b.nobody && os.Getuid() == 0 {
		b.letIn(t)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), out.String(), errs.String()
	}
	require.NoError(t, err)
	return 0, out.String(), errs.String()
}

// letIn opens the bench to everybody.
func (b *bench) letIn(t *testing.T) {
	for dir := b.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o777))
	}
	for _, sub := range []string{"cache", "data"} {
		require.NoError(t, os.Chmod(filepath.Join(b.dir, sub), 0o777))
	}
}

// oneLine asserts that a script said one line, and which.
func oneLine(t *testing.T, said, want string) {
	t.Helper()
	require.Equal(t, want+"\n", said)
}

// ports are the variables that name the ports of each store's server; gluster has a network of its own.
var ports = map[string][]string{
	"azurite": {"MILLPOND_AZURITE_PORT"}, "fakegcs": {"MILLPOND_FAKEGCS_PORT"}, "versitygw": {"MILLPOND_VERSITYGW_PORT"},
	"hdfs":  {"MILLPOND_HDFS_PORT", "MILLPOND_HDFS_HTTP_PORT", "MILLPOND_HDFS_DATA_PORT", "MILLPOND_HDFS_IPC_PORT", "MILLPOND_HDFS_INFO_PORT"},
	"swift": {"MILLPOND_SWIFT_PORT", "MILLPOND_SWIFT_MEMCACHED_PORT"}, "hdfs-kerberos": {"MILLPOND_KDC_PORT"},
}

// TestPortTaken: a port that was asked for and is taken is told in one line, with the variable to set.
func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	for store, variables := range ports {
		for _, v := range variables {
			for verb, args := range map[string][]string{"start": {"start", "data"}, "run": {"run", "echo", "it", "runs"}} {
				t.Run(v+"/"+verb, func(t *testing.T) {
					b := newBench(t)
					b.installed(t, "echo no port was looked at; exit 1")
					status, out, said := b.script(t, store, args, v+"="+port)
					require.Equal(t, 1, status)
					require.Empty(t, out)
					oneLine(t, said, store+": port "+port+" is taken: set "+v+" to a free one")
				})
			}
		}
	}
}

// TestPortsOfItsOwn: where none is asked for, the first free one is taken.
func TestPortsOfItsOwn(t *testing.T) {
	b := newBench(t)
	script := "source " + filepath.Join(b.dir, "scripts/lib.sh") + "\n"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	b.stub(t, "scripts/free.sh", script+"port NOBODY_SETS_THIS "+strconv.Itoa(port))
	status, out, said := b.start(t, "free")
	require.Zero(t, status, said)
	got, err := strconv.Atoi(strings.TrimSpace(out))
	require.NoError(t, err)
	require.Greater(t, got, port)
	require.Less(t, got, port+50)
}

// unusedPort is one at which nobody listens, and that the system gives nobody who asks for any.
func unusedPort(t *testing.T) int {
	for {
		port := 20000 + rand.IntN(10000)
		if l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
}

// TestScriptsDoNotClash: a port that one script has chosen is no other's until its server is stopped, though nobody listens there yet.
// One whose server was killed is free again.
func TestScriptsDoNotClash(t *testing.T) {
	b := newBench(t)
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	first := unusedPort(t)
	b.stub(t, "scripts/deaf.sh", "source "+filepath.Join(b.dir, "scripts/lib.sh")+`
install() { :; }
start() {
  port NOBODY_SETS_THIS `+strconv.Itoa(first)+`
  daemon "$1" deaf `+sleep+` 60
}
main "$@"`)
	start := func(name string) int {
		t.Helper()
		status, out, said := b.script(t, "deaf", []string{"start", name})
		require.Zero(t, status, said)
		port, err := strconv.Atoi(strings.TrimSpace(out))
		require.NoError(t, err)
		return port
	}
	stop := func(name string) {
		t.Helper()
		status, _, said := b.script(t, "deaf", []string{"stop", name})
		require.Zero(t, status, said)
	}
	one, two := start("one"), start("two")
	require.NotEqual(t, one, two)
	stop("one")
	require.Equal(t, one, start("three"))
	pids, err := os.ReadFile(filepath.Join(b.dir, "two", "pids"))
	require.NoError(t, err)
	stop("two")
	left := filepath.Join(b.dir, "ports", strconv.Itoa(two))
	require.NoError(t, os.Mkdir(left, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(left, "by"), append(bytes.TrimSpace(pids), " /no/such/dir\n"...), 0o644))
	require.Equal(t, two, start("four"))
	stop("three")
	stop("four")
}

// TestServerThatDoesNotComeUp: its last words come in one line, and nothing of it is left running.
func TestServerThatDoesNotComeUp(t *testing.T) {
	for store, want := range map[string]string{
		"azurite":       "azurite: azurite did not come up in 30 s: out of luck",
		"fakegcs":       "fakegcs: fakegcs did not come up in 20 s: out of luck",
		"versitygw":     "versitygw: versitygw did not come up in 20 s: out of luck",
		"hdfs":          "hdfs: cannot format: out of luck",
		"hdfs-kerberos": "hdfs-kerberos: cannot make a realm: out of luck",
		"swift":         "swift: memcached did not come up in 20 s: out of luck",
	} {
		t.Run(store, func(t *testing.T) {
			b := newBench(t)
			b.installed(t, "echo in vain; echo out of luck >&2; exit 1")
			status, out, said := b.start(t, store)
			require.Equal(t, 1, status)
			require.Empty(t, out)
			oneLine(t, said, want)
			require.NoFileExists(t, filepath.Join(b.dir, "data", store, "pids"))
		})
	}
}

// TestMissingPackage: an ordinary user, who can install none, is told which, by status 3: the store is left out. So is root
// where there is no Debian; and where Debian's packages cannot be had that is told, after three tries.
func TestMissingPackage(t *testing.T) {
	const swift = "swift-proxy swift-account swift-container swift-object memcached"
	t.Run("an ordinary user", func(t *testing.T) {
		for store, want := range map[string]string{
			"azurite":   "azurite: no npm on this machine: install Node.js and npm",
			"fakegcs":   "fakegcs: no go on this machine: install Go first",
			"versitygw": "versitygw: no go on this machine: install Go first",
			"hdfs":      "hdfs: java mvn curl: not all are installed, and root alone can: apt-get install openjdk-17-jre-headless maven curl",
			"hdfs-kerberos": "hdfs-kerberos: krb5kdc kdb5_util kadmin.local kinit: not all are installed, and root alone can: " +
				"apt-get install krb5-kdc krb5-admin-server krb5-user",
			"gluster": "gluster: root alone can mount a volume and make a network namespace",
			"swift": "swift: swift-proxy-server swift-account-server swift-container-server swift-object-server swift-ring-builder memcached: " +
				"not all are installed, and root alone can: apt-get install " + swift,
		} {
			b := newBench(t)
			b.nobody = true
			status, out, said := b.start(t, store)
			require.Equal(t, 3, status, "%s: %s", store, said)
			require.Empty(t, out)
			oneLine(t, said, want)
		}
	})
	t.Run("root", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("not root")
		}
		b := newBench(t)
		status, _, said := b.start(t, "swift")
		require.Equal(t, 3, status)
		oneLine(t, said, "swift: no apt-get on this machine: want a Debian, or install "+swift)

		b.stub(t, "bin/apt-get", `echo "$1" >>"$HOME/tries"; exit 1`)
		status, _, said = b.start(t, "swift")
		require.Equal(t, 1, status)
		oneLine(t, said, "swift: apt-get update fails in three tries")
		require.Equal(t, []string{"update", "update", "update"}, b.tries(t))

		b.stub(t, "bin/apt-get", `echo "$1" >>"$HOME/tries"; [ "$1" = update ]`)
		status, _, said = b.start(t, "swift")
		require.Equal(t, 1, status)
		oneLine(t, said, "swift: apt-get cannot install "+swift+" in three tries")
		require.Equal(t, []string{"update", "install", "install", "install"}, b.tries(t))
	})
}

// TestDownloads: each is tried three times, and what was fetched once is not fetched again.
func TestDownloads(t *testing.T) {
	for store, want := range map[string]string{
		"azurite":   "azurite: npm cannot install azurite@3.35.0 in three tries",
		"fakegcs":   "fakegcs: cannot build github.com/fsouza/fake-gcs-server@v1.56.1 in three tries",
		"versitygw": "versitygw: cannot build github.com/versity/versitygw/cmd/versitygw@v1.8.0 in three tries",
		"hdfs":      "hdfs: Maven cannot fetch Hadoop 3.4.1 in three tries",
	} {
		t.Run(store, func(t *testing.T) {
			b := newBench(t)
			for _, tool := range []string{"npm", "go", "mvn", "java", "curl", "timeout"} {
				b.stub(t, "bin/"+tool, `echo try >>"$HOME/tries"; echo no network >&2; exit 1`)
			}
			status, _, said := b.start(t, store)
			require.Equal(t, 1, status, said)
			lines := strings.Split(strings.TrimSpace(said), "\n")
			require.Equal(t, want, lines[len(lines)-1])
			require.Equal(t, slices.Repeat([]string{"try"}, 3), b.tries(t))

			b.installed(t, "exit 1")
			_, _, _ = b.start(t, store)
			require.Empty(t, b.tries(t), "it is there")
		})
	}
}

// tries are what stubs noted since the last call.
func (b *bench) tries(t *testing.T) []string {
	t.Helper()
	at := filepath.Join(b.dir, "tries")
	text, err := os.ReadFile(at)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	require.NoError(t, os.Remove(at))
	return strings.Fields(string(text))
}
