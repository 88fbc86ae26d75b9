package fileufs_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/fileufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

// volume is a GlusterFS volume that is mounted twice, as by two hosts: each mount has a client process of its own. These
// two see each other's changes at once.
type volume struct{ dir string }

// atOnce are the options of a mount that sees other hosts' changes at once: nothing is answered from what was known a
// second ago. As options of mount and of a volume: attribute-timeout=0, entry-timeout=0; performance.stat-prefetch off.
func atOnce() []string {
	return []string{"--attribute-timeout=0", "--entry-timeout=0", "--xlator-option=millpond-md-cache.pass-through=true"}
}

// realVolume is the volume that the environment names.
func realVolume(tb testing.TB) volume {
	tb.Helper()
	dir := os.Getenv("MILLPOND_GLUSTER_DIR")
	if dir == "" {
		tb.Skip("no MILLPOND_GLUSTER_DIR in the environment: make test-servers starts a server and sets it")
	}
	return volume{dir}
}

// place makes a fresh directory of the volume, and returns its name.
func (v volume) place(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp(v.at("first", ""), "place-")
	require.NoError(tb, err)
	return filepath.Base(dir)
}

// at is where a mount has a place.
func (v volume) at(mount, place string) string { return filepath.Join(v.dir, mount, place) }

// script asks the script that started the server for more.
func (v volume) script(tb testing.TB, verb string, args ...string) string {
	tb.Helper()
	out, err := exec.Command("../../internal/servers/gluster.sh", append([]string{verb, v.dir}, args...)...).CombinedOutput()
	require.NoError(tb, err, "%s: %s", verb, out)
	return string(out)
}

// mount adds a mount until the test ends.
func (v volume) mount(tb testing.TB, name string, options ...string) {
	tb.Helper()
	v.script(tb, "mount", append([]string{name}, options...)...)
	tb.Cleanup(func() { v.script(tb, "unmount", name) })
}

// kill ends the process whose id a file has, as a crash does.
func kill(tb testing.TB, pidFile string) {
	tb.Helper()
	b, err := os.ReadFile(pidFile)
	require.NoError(tb, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	require.NoError(tb, err)
	require.NoError(tb, unix.Kill(pid, unix.SIGKILL))
}

// killMount ends a mount's client process. The mount stays, and says ENOTCONN.
func (v volume) killMount(tb testing.TB, name string) {
	tb.Helper()
	kill(tb, filepath.Join(v.dir, name+".pid"))
	require.Eventually(tb, func() bool {
		_, err := os.Stat(v.at(name, ""))
		return err != nil
	}, 10*time.Second, 5*time.Millisecond)
	_, err := os.Stat(v.at(name, ""))
	require.ErrorIs(tb, err, unix.ENOTCONN)
}

// squash lets the volume take root for nobody until the test ends, which may not read path then.
func (v volume) squash(tb testing.TB, path string) {
	tb.Helper()
	require.NoError(tb, os.Chmod(path, 0))
	wait := func(denied bool) {
		require.Eventually(tb, func() bool {
			_, err := os.ReadFile(path)
			return errors.Is(err, os.ErrPermission) == denied
		}, 30*time.Second, 20*time.Millisecond)
	}
	v.script(tb, "option", "server.root-squash", "on")
	tb.Cleanup(func() { v.script(tb, "option", "server.root-squash", "off"); wait(false) })
	wait(true)
}

// TestServerConformance runs the table on the mount; the second handle is another host's.
func TestServerConformance(t *testing.T) {
	v := realVolume(t)
	ufstest.Run(t, ufstest.Harness{
		Open: func(tb testing.TB) *ufs.Store { return open(tb, v.at("first", v.place(tb))) },
		Second: func(tb testing.TB, s *ufs.Store) *ufs.Store {
			return open(tb, v.at("second", filepath.Base(dirOf(s))))
		},
		Leftovers: leftovers,
		Deny: func(tb testing.TB, s *ufs.Store, key string) *ufs.Store {
			v.squash(tb, filepath.Join(dirOf(s), key))
			return s
		},
	})
}

// TestServer59FirstReaders is the item of the table that needs a cache.
func TestServer59FirstReaders(t *testing.T) {
	v := realVolume(t)
	dir := v.at("first", v.place(t))
	s, err := fileufs.Open(dir, &fileufs.Options{UFS: &ufs.Options{DisableHedge: true}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	cachefstest.FirstReaders(t, s, func(key string, data []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, key), data, 0o644))
	})
}

// TestServerSync: what another host writes shows as the mount's policy says.
func TestServerSync(t *testing.T) {
	v := realVolume(t)
	place := v.place(t)
	cachefstest.Sync(t, open(t, v.at("first", place)), open(t, v.at("second", place)))
}
