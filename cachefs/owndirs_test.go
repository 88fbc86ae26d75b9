package cachefs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/fileufs"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

// localStore lies in a directory of this machine, as its driver says.
type localStore struct {
	*memufs.Store
	dir string
}

func (s localStore) LocalDir() string { return s.dir }

// A cache whose own directory is mounted would cache itself: it is refused before anything is made, with both paths.
func TestOwnDirectoryInAMount(t *testing.T) {
	in := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(in, link))
	store, err := fileufs.Open(in, nil)
	require.NoError(t, err)
	defer store.Close()
	faulty, err := ufstest.NewFaulty(localStore{memufs.New(nil), in}, "")
	require.NoError(t, err)
	wrapped, err := ufs.New(faulty, "wrapped", nil)
	require.NoError(t, err)
	defer wrapped.Close()
	ssd := func(dir string) []tier.Config {
		return []tier.Config{{Size: 64 << 20}, {Kind: tier.SSD, Size: 1 << 30, Dirs: []tier.Dir{{Path: dir}}}}
	}
	own := filepath.Join(in, "not", "there", "yet")
	url := func(dir string) cachefs.MountConfig { return cachefs.MountConfig{Path: "/in", URL: "file://" + dir} }
	for name, bad := range map[string]struct {
		cfg   cachefs.Config
		mount cachefs.MountConfig
		field string
	}{
		"Dir":               {cachefs.Config{Dir: own}, url(in), "Config.Dir is " + strconv.Quote(own)},
		"Dir itself":        {cachefs.Config{Dir: in}, url(in), "Config.Dir is " + strconv.Quote(in)},
		"Dir by a link":     {cachefs.Config{Dir: filepath.Join(link, "x")}, url(in), "Config.Dir is " + strconv.Quote(filepath.Join(link, "x"))},
		"mount by a link":   {cachefs.Config{Dir: own}, url(link), "Config.Dir is " + strconv.Quote(own)},
		"journal":           {cachefs.Config{Journal: journal.Config{Dir: own}}, url(in), "Config.Journal.Dir is " + strconv.Quote(own)},
		"tier":              {cachefs.Config{Tiers: ssd(own)}, url(in), "Config.Tiers[1].Dirs[0].Path is " + strconv.Quote(own)},
		"an opened store":   {cachefs.Config{Dir: own}, cachefs.MountConfig{Path: "/in", Store: store}, "Config.Dir is " + strconv.Quote(own)},
		"one that wraps it": {cachefs.Config{Dir: own}, cachefs.MountConfig{Path: "/in", Store: wrapped}, "Config.Dir is " + strconv.Quote(own)},
	} {
		t.Run(name, func(t *testing.T) {
			bad.cfg.Mounts = []cachefs.MountConfig{bad.mount}
			_, err := cachefs.Open(t.Context(), bad.cfg)
			require.ErrorIs(t, err, fs.ErrInvalid)
			require.ErrorContains(t, err, bad.field+"; want a directory outside of ")
			require.ErrorContains(t, err, "which Mounts[0] mounts")
			require.NoDirExists(t, filepath.Join(in, "not"), "nothing was made")
		})
	}
}

// Mount refuses the same of a running node, and nothing that lies beside, or within.
func TestMountOfOwnDirectory(t *testing.T) {
	root := t.TempDir()
	dir, beside, within := filepath.Join(root, "job"), filepath.Join(root, "job.in"), filepath.Join(root, "job", "out")
	require.NoError(t, os.MkdirAll(beside, 0o700))
	require.NoError(t, os.MkdirAll(within, 0o700))
	n, err := cachefs.Open(t.Context(), cachefs.Config{Dir: dir})
	require.NoError(t, err)
	defer n.Close()
	err = n.Mount(t.Context(), "/in", "file://"+root, nil)
	require.ErrorIs(t, err, fs.ErrInvalid)
	require.ErrorContains(t, err, strconv.Quote(root)+" holds Config.Dir, "+strconv.Quote(dir))
	require.NoError(t, n.Mount(t.Context(), "/beside", "file://"+beside, nil))
	require.NoError(t, n.Mount(t.Context(), "/within", "file://"+within, nil))
}

// The disk below a node may be another one than that of the machine, whose paths say nothing then.
func TestOwnDirectoryOnAnotherDisk(t *testing.T) {
	in := t.TempDir()
	n, err := cachefs.Open(t.Context(), cachefs.Config{
		Dir: filepath.Join(in, "x"), FS: vfs.NewMem(), Mounts: []cachefs.MountConfig{{Path: "/in", URL: "file://" + in}},
	})
	require.NoError(t, err)
	require.NoError(t, n.Close())
}

// What is wrong with the directory names the field that says it, and what would do.
func TestOwnDirectoryThatDoesNotDo(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	held := filepath.Join(root, "held")
	n, err := cachefs.Open(t.Context(), cachefs.Config{Dir: held})
	require.NoError(t, err)
	defer n.Close()
	broken := func(what syscall.Errno) vfs.FS {
		return vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error { return &fs.PathError{Op: "open", Path: op.Name, Err: what} })
	}
	mesh := &peer.Config{Bind: "127.0.0.1:0"}
	for name, bad := range map[string]struct {
		cfg   cachefs.Config
		field string
		is    error
		says  string
	}{
		"a file":            {cachefs.Config{Dir: file}, "Config.Dir is " + strconv.Quote(file), syscall.ENOTDIR, "make and write"},
		"below a file":      {cachefs.Config{Dir: filepath.Join(file, "x", "y")}, "Config.Dir is ", syscall.ENOTDIR, "make and write"},
		"no permission":     {cachefs.Config{Dir: "/d", FS: broken(syscall.EACCES)}, `Config.Dir is "/d"`, fs.ErrPermission, "make and write"},
		"journal, a file":   {cachefs.Config{Journal: journal.Config{Dir: file}}, "Config.Journal.Dir is " + strconv.Quote(file), syscall.ENOTDIR, "make and write"},
		"in use":            {cachefs.Config{Dir: held}, "Config.Dir is " + strconv.Quote(held), syscall.EWOULDBLOCK, "use another directory"},
		"in use, in a mesh": {cachefs.Config{Dir: held, Mesh: mesh}, "Config.Dir is " + strconv.Quote(held), syscall.EWOULDBLOCK, "use another directory"},
		"tier, a file":      {cachefs.Config{Tiers: []tier.Config{{Kind: tier.SSD, Size: 1 << 30, Dirs: []tier.Dir{{Path: file}}}}}, "Config.Tiers: ", syscall.ENOTDIR, file},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cachefs.Open(t.Context(), bad.cfg)
			require.ErrorIs(t, err, bad.is)
			require.ErrorContains(t, err, bad.field)
			require.ErrorContains(t, err, bad.says)
		})
	}
}
