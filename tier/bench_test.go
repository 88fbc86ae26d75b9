package tier_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// BenchmarkPut admits blocks of 64 KiB to a full memory tier; it reports allocations, those of the evictor too.
func BenchmarkPut(b *testing.B) {
	s, err := tier.Open(b.Context(), tier.Options{BlockSize: mib}, memory(64*mib))
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close(b.Context())) }()
	p := make([]byte, 64*kib)
	n := 0
	for ; n < 4000; n++ {
		require.NoError(b, s.Put(b.Context(), id(n), p, putDefault))
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		if err := s.Put(b.Context(), id(n), p, putDefault); err != nil {
			b.Fatal(err)
		}
		n++
	}
}

// BenchmarkDiskHit reads 4 KiB out of blocks of 1 MiB on a disk.
func BenchmarkDiskHit(b *testing.B) {
	s, err := tier.Open(b.Context(), tier.Options{BlockSize: mib, FS: vfs.OS}, ssd(256*mib, filepath.Join(b.TempDir(), "d")))
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close(b.Context())) }()
	for n := range 128 {
		require.NoError(b, s.Put(b.Context(), id(n), make([]byte, mib), putDefault))
	}
	p := make([]byte, 4*kib)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n = (n*5 + 1) % (128 * 256)
		if _, _, err := s.ReadAt(b.Context(), id(n/256), p, int64(n%256*4*kib), false); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDropSmallFiles drops files of one block that is not cached, beside a memory tier of 1 GiB, by name and as a file of
// unknown length.
func BenchmarkDropSmallFiles(b *testing.B) {
	s, err := tier.Open(b.Context(), tier.Options{}, memory(1<<30))
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close(b.Context())) }()
	for n := range 4000 {
		require.NoError(b, s.Put(b.Context(), id(n), make([]byte, 4*kib), putDefault))
	}
	absent := tier.FileID{0xff}
	b.Run("DropFile", func(b *testing.B) {
		for b.Loop() {
			s.DropFile(absent)
		}
	})
	b.Run("DropBlocks", func(b *testing.B) {
		for b.Loop() {
			s.DropBlocks(absent, 1)
		}
	})
}
