package tier_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/piece"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// hashes are the sums of p's pieces.
func hashes(p []byte) (sums []uint64) {
	for len(p) > 0 {
		n := min(len(p), piece.Size)
		sums, p = append(sums, piece.Sum(p[:n])), p[n:]
	}
	return sums
}

// summed lends a block's pieces from off on and returns their sums.
func summed(t *testing.T, s *tier.Store, n int, off int64, length int) (sums []uint64, got []byte) {
	t.Helper()
	v, sums, ok := s.Get(id(n)).ViewPieces(off, length)
	require.True(t, ok)
	got = append(got, v.Bytes()...)
	v.Release()
	return sums, got
}

// flip changes a bit of a block in memory.
func flip(t *testing.T, s *tier.Store, n int, at int64) {
	t.Helper()
	v, ok := s.Get(id(n)).View(at, 1)
	require.True(t, ok)
	v.Bytes()[0] ^= 1
	v.Release()
}

// TestViewPieces lends whole pieces, up to the block's end, and their sums.
func TestViewPieces(t *testing.T) {
	s := open(t, nil, memory(8*mib))
	want := body(1, 5*piece.Size+100)
	require.NoError(t, s.Put(t.Context(), id(1), want, tier.PutOptions{}))
	for _, c := range []struct{ off, n, length int }{
		{0, len(want), len(want)}, {0, 1 << 30, len(want)}, {piece.Size, 2*piece.Size + 5, 2 * piece.Size}, {4 * piece.Size, piece.Size + 99, piece.Size}, {5 * piece.Size, 100, 100},
	} {
		sums, got := summed(t, s, 1, int64(c.off), c.n)
		require.Equal(t, want[c.off:c.off+c.length], got)
		require.Equal(t, hashes(got), sums)
	}
	_, _, ok := s.Get(id(1)).ViewPieces(0, piece.Size-1)
	require.False(t, ok, "no whole piece")
	_, _, ok = s.Get(id(1)).ViewPieces(6*piece.Size, piece.Size)
	require.False(t, ok, "beyond the end")
}

// TestSumsAreKept: they are made once, in little memory, which comes back; a small block's are made each time.
func TestSumsAreKept(t *testing.T) {
	s := open(t, nil, memory(8*mib))
	require.NoError(t, s.Put(t.Context(), id(1), body(1, 64*piece.Size), tier.PutOptions{}))
	require.NoError(t, s.Put(t.Context(), id(2), body(2, piece.Size-1), tier.PutOptions{}))
	used := s.Metrics().Tiers[0].Used
	first, _ := summed(t, s, 1, 0, 64*piece.Size)
	require.Equal(t, used+64*8, s.Metrics().Tiers[0].Used)
	flip(t, s, 1, 3*piece.Size)
	again, _ := summed(t, s, 1, 0, 64*piece.Size)
	require.Equal(t, first, again)

	before, _ := summed(t, s, 2, 0, piece.Size)
	flip(t, s, 2, 0)
	after, _ := summed(t, s, 2, 0, piece.Size)
	require.NotEqual(t, before, after)

	s.Drop(id(1))
	s.Drop(id(2))
	require.Zero(t, s.Metrics().Tiers[0].Used)
	require.NoError(t, s.Put(t.Context(), id(3), body(3, 8*mib), tier.PutOptions{}), "all memory came back")
}

// TestVerifyMemory: a bit that flips after its sum was made is found, and the block dropped.
func TestVerifyMemory(t *testing.T) {
	var told []tier.CorruptInfo
	s := openWith(t, tier.Options{Events: tier.Events{Corrupt: func(i tier.CorruptInfo) { told = append(told, i) }}}, memory(8*mib))
	defer closeStore(t, s)
	require.NoError(t, s.Put(t.Context(), id(1), body(1, 3*piece.Size), tier.PutOptions{}))
	require.True(t, s.Verify(id(1)), "nothing is known")
	summed(t, s, 1, 2*piece.Size, piece.Size)
	require.True(t, s.Verify(id(1)))
	flip(t, s, 1, 5)
	require.True(t, s.Verify(id(1)), "of that piece nothing is known")
	flip(t, s, 1, 2*piece.Size+5)
	require.False(t, s.Verify(id(1)))
	_, _, ok := s.Has(id(1))
	require.False(t, ok)
	require.Equal(t, []tier.CorruptInfo{{ID: id(1), Kind: tier.Memory}}, told)
	require.EqualValues(t, 1, s.Metrics().Tiers[0].Corrupt)
}

// TestSumsComeAlong: those that came with the bytes are kept, as far as the bytes were; nothing of them is left of a block that
// does not come to be.
func TestSumsComeAlong(t *testing.T) {
	s := open(t, nil, memory(8*mib))
	want := body(1, 4*piece.Size+10)
	write := func(n int, sums ...uint64) *tier.Writer {
		w, err := s.Create(t.Context(), id(n), int64(len(want)), tier.PutOptions{})
		require.NoError(t, err)
		_, err = w.Write(want)
		require.NoError(t, err)
		w.Sums(piece.Size, sums)
		return w
	}
	w := write(1, 11, 12, 13, 14)
	w.Truncate(2*piece.Size + 7)
	_, err := w.Write(want[2*piece.Size+7:])
	require.NoError(t, err)
	_, err = w.Commit(t.Context())
	require.NoError(t, err)
	sums, _ := summed(t, s, 1, 0, len(want))
	computed := hashes(want)
	require.Equal(t, []uint64{computed[0], 11, computed[2], computed[3], computed[4]}, sums)

	w = write(2, 5)
	w.Abort()
	s.Drop(id(1))
	require.Zero(t, s.Metrics().Tiers[0].Used)
}

// TestSumsOfTheDisk: a block that comes up from a disk brings its sums along.
func TestSumsOfTheDisk(t *testing.T) {
	s := open(t, vfs.NewMem(), memory(8*mib), ssd(8*mib, "/d"))
	want := body(1, 3*piece.Size+1)
	require.NoError(t, s.Put(t.Context(), id(1), want, tier.PutOptions{MinKind: tier.SSD}))
	_, err := s.Promote(t.Context(), id(1))
	require.NoError(t, err)
	flip(t, s, 1, 0)
	sums, _ := summed(t, s, 1, 0, len(want))
	require.Equal(t, hashes(want), sums)
}

// TestSumsAtOnce: any number may ask, while the block leaves.
func TestSumsAtOnce(t *testing.T) {
	s := open(t, nil, memory(8*mib))
	want := body(1, 9*piece.Size)
	sums := hashes(want)
	for range 50 {
		require.NoError(t, s.Put(t.Context(), id(1), want, tier.PutOptions{}))
		b := s.Get(id(1))
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if v, got, ok := b.ViewPieces(0, len(want)); ok {
					if !slices.Equal(got, sums[:len(got)]) {
						t.Error("other sums")
					}
					v.Release()
				}
			})
		}
		s.Drop(id(1))
		all.Wait()
		require.Zero(t, s.Metrics().Tiers[0].Used)
	}
}
