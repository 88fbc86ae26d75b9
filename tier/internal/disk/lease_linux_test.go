package disk_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/internal/vfs/vfstest"
	"github.com/millpond/millpond/tier/internal/disk"
)

// withoutReadahead has reads of the file that a block lies in bring what is asked for only.
func withoutReadahead(t *testing.T, d *disk.Dir, id disk.ID) {
	r, err := d.Range(id, 0, 1)
	require.NoError(t, err)
	defer r.Release()
	vfstest.WithoutReadahead(t, r.File)
}

// TestRangeAtHand: a range is at hand while its bytes and the block's sums, which begin a page of their own here, are in the page cache.
func TestRangeAtHand(t *testing.T) {
	vfstest.RequireCacheTold(t)
	dir := filepath.Join(t.TempDir(), "d")
	d := open(t, vfs.OS, dir, disk.Options{})
	const size = 1 << 20
	id, short := blockID(1, 0), blockID(2, 0)
	put(t, d, id, size)
	put(t, d, short, 5000)
	atHand := func(id disk.ID, off, n int64) bool {
		r, err := d.Range(id, off, n)
		require.NoError(t, err)
		defer r.Release()
		return r.AtHand()
	}
	ranges := [][2]int64{{0, size}, {0, 64 << 10}, {size - 64<<10, 64 << 10}}
	check := func(want bool, why string) {
		t.Helper()
		for _, r := range ranges {
			require.Equal(t, want, atHand(id, r[0], r[1]), "%v: %s", r, why)
		}
	}
	check(true, "it was just written")
	require.True(t, atHand(short, 10, 20), "it has no sums in the file")

	vfstest.DropCached(t, dir)
	check(false, "it has left")
	require.False(t, atHand(short, 10, 20))

	withoutReadahead(t, d, id)
	_, err := d.Sums(id)
	require.NoError(t, err)
	check(false, "the sums are there alone")
	vfstest.DropCached(t, dir)
	requireBlock(t, d, id, size)
	check(false, "the sums are not there")
	_, err = d.Sums(id)
	require.NoError(t, err)
	check(true, "all is back")
}
