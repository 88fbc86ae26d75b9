package vfstest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/millpond/millpond/internal/vfs"
)

// RequireCacheTold skips a test of vfs.InPageCache where the system does not tell what the page cache has.
func RequireCacheTold(t testing.TB) {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer f.Close()
	if err := unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{}, &unix.Cachestat_t{}, 0); err != nil {
		t.Skipf("cachestat: %v: want Linux 6.5 or later", err)
	}
}

// WithoutReadahead has reads of a file bring what is asked for into the page cache, and no more.
func WithoutReadahead(t testing.TB, file vfs.File) {
	t.Helper()
	f, ok := vfs.OSFile(file)
	require.True(t, ok)
	require.NoError(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM))
}

// DropCached has the files below root leave the page cache, and skips the test where they cannot.
func DropCached(t testing.TB, root string) {
	t.Helper()
	var st unix.Statfs_t
	require.NoError(t, unix.Statfs(root, &st))
	switch uint32(st.Type) { // which is 32 bits, with a sign, on some machines
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC:
		t.Skipf("the page cache is all that %s lies in: set TMPDIR to a directory on a disk", root)
	}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		defer f.Close()
		require.NoError(t, f.Sync(), "a page that is to be written stays")
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	}))
}
