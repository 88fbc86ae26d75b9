package tier_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/internal/vfs/vfstest"
	"github.com/millpond/millpond/tier"
)

// TestFileAtHand lends what File does while it is in the page cache: the same place, the same sums. What is refused is no hit.
func TestFileAtHand(t *testing.T) {
	vfstest.RequireCacheTold(t)
	dir := filepath.Join(t.TempDir(), "d")
	s := open(t, vfs.OS, ssd(64*mib, dir))
	lengths := []int{1, 5000, 64 * kib, 64*kib + 1, 300_000}
	for n, length := range lengths {
		want := body(n, length)
		require.NoError(t, s.Put(t.Context(), id(n), want, tier.PutOptions{}))
		for _, off := range []int64{0, int64(length) / 2, int64(length) - 1} {
			lent, ok := s.File(id(n), off, 1<<30)
			require.True(t, ok)
			r, ok := s.FileAtHand(id(n), off, 1<<30)
			require.True(t, ok, "from %d of %d bytes", off, length)
			require.Equal(t, hashes(want), r.Sums)
			require.Equal(t, []any{lent.File, lent.Off, lent.Len, lent.Sums}, []any{r.File, r.Off, r.Len, r.Sums})
			got := make([]byte, r.Len)
			_, err := r.File.ReadAt(got, r.Off)
			require.NoError(t, err)
			require.Equal(t, want[off:], got)
			lent.Release()
			r.Release()
		}
	}
	_, ok := s.FileAtHand(id(99), 0, 1)
	require.False(t, ok, "a block that is not there")
	_, ok = s.FileAtHand(id(1), 5000, 1)
	require.False(t, ok, "beyond its end")

	vfstest.DropCached(t, filepath.Join(dir, "data"))
	hits := s.Metrics().Tiers[0].Hits
	require.EqualValues(t, 2*3*len(lengths), hits)
	for n, length := range lengths {
		_, ok := s.FileAtHand(id(n), 0, int64(length))
		require.False(t, ok, "%d bytes that have left the page cache", length)
	}
	require.Equal(t, hits, s.Metrics().Tiers[0].Hits)
	for n, length := range lengths {
		r, ok := s.File(id(n), 0, int64(length)) // which reads the sums
		require.True(t, ok, "it may wait for the disk")
		r.Release()
		requireBlock(t, s, n, length)
		r, ok = s.FileAtHand(id(n), 0, int64(length))
		require.True(t, ok, "%d bytes that are back", length)
		r.Release()
	}
}

// TestFileAtHandRefuses what only a disk of the operating system can have in the page cache, and everything after Close.
func TestFileAtHandRefuses(t *testing.T) {
	s := open(t, vfs.NewMem(), ssd(8*mib, "/d"))
	require.NoError(t, s.Put(t.Context(), id(1), body(1, 5000), tier.PutOptions{}))
	_, ok := s.FileAtHand(id(1), 0, 5000)
	require.False(t, ok)

	s = open(t, vfs.OS, ssd(8*mib, filepath.Join(t.TempDir(), "d")))
	require.NoError(t, s.Put(t.Context(), id(1), body(1, 5000), tier.PutOptions{}))
	closeStore(t, s)
	_, ok = s.FileAtHand(id(1), 0, 5000)
	require.False(t, ok)
}
