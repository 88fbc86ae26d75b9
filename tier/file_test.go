package tier_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/piece"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// TestFile lends blocks as parts of files: the bytes, and what each 64 KiB of the block sums up to. They stay through Drop.
func TestFile(t *testing.T) {
	s := open(t, vfs.OS, ssd(64*mib, filepath.Join(t.TempDir(), "d")))
	for n, length := range []int{1, 5000, 64 * kib, 64*kib + 1, 300_000} {
		want := body(n, length)
		require.NoError(t, s.Put(t.Context(), id(n), want, tier.PutOptions{}))
		for _, off := range []int64{0, int64(length) / 2, int64(length) - 1} {
			r, ok := s.File(id(n), off, 1<<30)
			require.True(t, ok, "%d bytes", length)
			require.Equal(t, int64(length)-off, r.Len)
			require.Len(t, r.Sums, (length+64*kib-1)/(64*kib))
			for i, sum := range r.Sums {
				require.Equal(t, piece.Sum(want[i*64*kib:min(length, (i+1)*64*kib)]), sum, "piece %d of %d bytes", i, length)
			}
			s.Drop(id(n))
			got := make([]byte, r.Len)
			_, err := r.File.ReadAt(got, r.Off)
			require.NoError(t, err)
			require.Equal(t, want[off:], got)
			r.Release()
			r.Release()
			require.NoError(t, s.Put(t.Context(), id(n), want, tier.PutOptions{}))
		}
	}
	_, ok := s.File(id(99), 0, 1)
	require.False(t, ok, "a block that is not there")
	_, ok = s.File(id(1), 5000, 1)
	require.False(t, ok, "beyond its end")
}

// TestFileOfAnotherDisk: only the operating system can send a file.
func TestFileOfAnotherDisk(t *testing.T) {
	s := open(t, vfs.NewMem(), ssd(8*mib, "/d"))
	require.NoError(t, s.Put(t.Context(), id(1), body(1, 5000), tier.PutOptions{}))
	_, ok := s.File(id(1), 0, 5000)
	require.False(t, ok)
}

// TestVerifyDropsWhatIsDamaged: whoever was lent a damaged file says so, and the block goes; a good one stays.
func TestVerifyDropsWhatIsDamaged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	var corrupt atomic.Int32
	s := openWith(t, tier.Options{FS: vfs.OS, Events: tier.Events{Corrupt: func(tier.CorruptInfo) { corrupt.Add(1) }}}, ssd(8*mib, dir))
	defer closeStore(t, s)
	require.NoError(t, s.Put(t.Context(), id(1), body(1, 200*kib), tier.PutOptions{}))
	require.True(t, s.Verify(id(1)))
	require.False(t, s.Verify(id(2)))
	requireBlock(t, s, 1, 200*kib) // read and found good once: later reads do not compare
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, "data"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt(make([]byte, 100), 150*kib)
		require.NoError(t, f.Close())
		return err
	}))
	require.False(t, s.Verify(id(1)))
	_, _, ok := s.Has(id(1))
	require.False(t, ok)
	require.EqualValues(t, 1, corrupt.Load())
}
