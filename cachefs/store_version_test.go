package cachefs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/fileufs"
)

// overDirectory is a node that looks at a directory's files at each Open.
func overDirectory(t *testing.T) (n *cachefs.Node, s *ufs.Store, dir string) {
	dir = t.TempDir()
	s, err := fileufs.Open(dir, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	n, err = cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/m", Store: s, Sync: cachefs.SyncAlways}}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n, s, dir
}

// cached makes the files of a tree, of an age, and reads them once.
func cached(t *testing.T, n *cachefs.Node, dir string, age time.Duration, names ...string) {
	for _, name := range names {
		p := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
		require.NoError(t, os.WriteFile(p, []byte("content of "+name), 0o644))
		require.NoError(t, os.Chtimes(p, time.Now(), time.Now().Add(-age)))
		require.Equal(t, "content of "+name, string(readAll(t, n, "/m/"+name)))
	}
}

// TestOwnChangesKeepTheBlocks: what a rename or a chmod of ours makes of a version is the same bytes, which are cached.
func TestOwnChangesKeepTheBlocks(t *testing.T) {
	mode := fs.FileMode(0o600)
	for name, age := range map[string]time.Duration{"young": 0, "old": time.Hour} {
		t.Run(name, func(t *testing.T) {
			n, s, dir := overDirectory(t)
			cached(t, n, dir, age, "f", "g", "d/a", "d/e/b")
			before := s.Metrics().BytesRead
			require.NoError(t, n.Rename(t.Context(), "/m/f", "/m/moved", nil))
			require.NoError(t, n.SetAttr(t.Context(), "/m/g", &cachefs.AttrOptions{Mode: &mode}))
			require.NoError(t, n.SetAttr(t.Context(), "/m/d", &cachefs.AttrOptions{Mode: new(fs.FileMode(0o700)), Recursive: true}))
			require.NoError(t, n.Rename(t.Context(), "/m/d", "/m/d2", nil))
			for path, want := range map[string]string{"/m/moved": "f", "/m/g": "g", "/m/d2/a": "d/a", "/m/d2/e/b": "d/e/b"} {
				require.Equal(t, "content of "+want, string(readAll(t, n, path)))
			}
			require.Equal(t, before, s.Metrics().BytesRead, "bytes read from the store after changes of our own")
			fi, err := os.Stat(filepath.Join(dir, "g"))
			require.NoError(t, err)
			require.Equal(t, mode, fi.Mode())
		})
	}
}

// TestGrowingOldKeepsTheBlocks: a file that was cached while it was young is the same file afterwards, by each way of
// looking.
func TestGrowingOldKeepsTheBlocks(t *testing.T) {
	n, s, dir := overDirectory(t)
	version := func(name string) string {
		in, err := n.Stat(t.Context(), "/m/"+name, nil)
		require.NoError(t, err)
		return in.Version()
	}
	isYoung := func(version string) bool { return strings.Count(version, "-") == 3 }
	young := ""
	for range 20 { // once, unless the machine is slow
		cached(t, n, dir, 1500*time.Millisecond, "looked", "listed")
		if young = version("looked"); isYoung(young) && isYoung(version("listed")) {
			break
		}
	}
	before := s.Metrics().BytesRead
	require.Eventually(t, func() bool {
		a, err := s.Stat(t.Context(), "looked")
		return err == nil && a.Version != young
	}, 10*time.Second, 10*time.Millisecond)
	for _, err := range n.List(t.Context(), "/m", &cachefs.ListOptions{Sync: true}) {
		require.NoError(t, err)
	}
	for range 2 {
		require.Equal(t, "content of looked", string(readAll(t, n, "/m/looked")))
		require.Equal(t, "content of listed", string(readAll(t, n, "/m/listed")))
	}
	require.False(t, isYoung(version("looked")), "the new version is noted")
	require.Equal(t, before, s.Metrics().BytesRead, "bytes read from the store once the files were old")
}

// TestRenameOfWhatOthersWrote: a file that changed behind our back is not taken for what is cached.
func TestRenameOfWhatOthersWrote(t *testing.T) {
	n, _, dir := overDirectory(t)
	cached(t, n, dir, time.Hour, "f", "g")
	f, err := n.Open(t.Context(), "/m/f", nil)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	for _, name := range []string{"f", "g"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("CONTENT OF "+name), 0o644))
	}
	require.NoError(t, n.Rename(t.Context(), "/m/f", "/m/moved", nil))
	require.Equal(t, "CONTENT OF f", string(readAll(t, n, "/m/moved")))
	require.NoError(t, n.SetAttr(t.Context(), "/m/g", &cachefs.AttrOptions{Mode: new(fs.FileMode(0o600))}))
	require.Equal(t, "CONTENT OF g", string(readAll(t, n, "/m/g")))
}
