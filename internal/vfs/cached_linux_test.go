package vfs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/internal/vfs/vfstest"
)

// cachedFile makes a file of n bytes, which are in the page cache.
func cachedFile(t *testing.T, fsys vfs.FS, name string, n int) vfs.File {
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	_, err = f.Write(make([]byte, n))
	require.NoError(t, err)
	return f
}

// TestInPageCache: what was written is there until it leaves, and then page by page as it is read.
func TestInPageCache(t *testing.T) {
	vfstest.RequireCacheTold(t)
	dir := t.TempDir()
	page := os.Getpagesize()
	size := 64*page + 10
	f := cachedFile(t, vfs.OS, filepath.Join(dir, "f"), size)
	type bytes struct{ off, n int }
	ranges := []bytes{{0, size}, {0, 1}, {page - 1, 2}, {64 * page, 10}, {64*page + 9, 1}}
	for _, r := range ranges {
		require.True(t, vfs.InPageCache(f, int64(r.off), int64(r.n)), "%v", r)
	}
	for _, r := range []bytes{{0, 65*page + 1}, {65 * page, 1}, {0, 0}, {0, -1}, {-1, 2}} {
		require.False(t, vfs.InPageCache(f, int64(r.off), int64(r.n)), "%v", r)
	}

	vfstest.DropCached(t, dir)
	for _, r := range ranges {
		require.False(t, vfs.InPageCache(f, int64(r.off), int64(r.n)), "%v", r)
	}
	vfstest.WithoutReadahead(t, f)
	_, err := f.ReadAt(make([]byte, 1), 64*int64(page))
	require.NoError(t, err)
	require.True(t, vfs.InPageCache(f, 64*int64(page), 10))
	for _, r := range []bytes{{0, size}, {64*page - 1, 2}, {63 * page, page + 1}} {
		require.False(t, vfs.InPageCache(f, int64(r.off), int64(r.n)), "%v: a part of it is", r)
	}
}

// TestInPageCacheIsNotKnown of a file that is closed, and of those of other disks.
func TestInPageCacheIsNotKnown(t *testing.T) {
	dir := t.TempDir()
	f := cachedFile(t, vfs.OS, filepath.Join(dir, "f"), 100)
	require.NoError(t, f.Close())
	require.False(t, vfs.InPageCache(f, 0, 100))
	require.False(t, vfs.InPageCache(cachedFile(t, vfs.NewMem(), "/f", 100), 0, 100))
	faulty := vfs.NewFaulty(vfs.OS, func(vfs.Op) error { return nil })
	require.False(t, vfs.InPageCache(cachedFile(t, faulty, filepath.Join(dir, "g"), 100), 0, 100), "its hook would not be asked")
}
