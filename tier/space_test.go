package tier_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// TestSpace fills a block in place, in several runs, and reads what there is meanwhile: in memory, in memory of several pieces, and on its
// way to a disk.
func TestSpace(t *testing.T) {
	const length = 300*kib + 17
	for name, tiers := range map[string][]tier.Config{
		"memory": {memory(4 * mib)},
		"disk":   {ssd(8*mib, "/d")},
		"spill":  {memory(128 * kib), ssd(8*mib, "/d")},
	} {
		for _, hint := range []int64{0, 100 * kib, length} {
			t.Run(name, func(t *testing.T) {
				s, ctx := open(t, vfs.NewMem(), tiers...), t.Context()
				want := body(1, length)
				w, err := s.Create(ctx, id(1), hint, tier.PutOptions{})
				require.NoError(t, err)
				for done := int64(0); done < length; {
					n := min(70*kib, length-done)
					space, err := w.Space(n)
					require.NoError(t, err)
					at := done
					for _, p := range space {
						require.NotEmpty(t, p)
						at += int64(copy(p, want[at:]))
					}
					require.Equal(t, done+n, at, "bytes of space")
					require.Equal(t, done, w.Len())
					w.Wrote(n)
					done += n
					got := make([]byte, done)
					_, err = w.ReadAt(got, 0)
					require.NoError(t, err)
					require.Equal(t, want[:done], got)
				}
				_, err = w.Commit(ctx)
				require.NoError(t, err)
				got := make([]byte, length+1)
				n, _, err := s.ReadAt(ctx, id(1), got, 0, false)
				require.NoError(t, err)
				require.Equal(t, want, got[:n])
			})
		}
	}
}

// TestSpaceIsWrittenOnlyAsTold: bytes of Space that Wrote was not told of are not the block's.
func TestSpaceIsWrittenOnlyAsTold(t *testing.T) {
	s, ctx := open(t, vfs.NewMem(), memory(4*mib)), t.Context()
	w, err := s.Create(ctx, id(1), 0, tier.PutOptions{})
	require.NoError(t, err)
	space, err := w.Space(10)
	require.NoError(t, err)
	copy(space[0], "0123456789")
	w.Wrote(4)
	again, err := w.Space(3)
	require.NoError(t, err)
	require.Equal(t, 3, copy(again[0], "abc"))
	w.Wrote(3)
	_, err = w.Commit(ctx)
	require.NoError(t, err)
	got := make([]byte, 20)
	n, _, err := s.ReadAt(ctx, id(1), got, 0, false)
	require.NoError(t, err)
	require.Equal(t, "0123abc", string(got[:n]))
}

// TestDetached: a block that finds no room goes on outside of the tiers, with what was written so far.
func TestDetached(t *testing.T) {
	s := open(t, nil, memory(1*mib))
	require.NoError(t, s.Put(t.Context(), id(1), body(1, 1*mib-128*kib), tier.PutOptions{Hold: true}))
	w, err := s.Create(t.Context(), id(2), 0, tier.PutOptions{Hold: true})
	require.NoError(t, err)
	want := body(2, 300*kib)
	n, err := w.Write(want)
	require.ErrorIs(t, err, tier.ErrNoSpace)
	require.Less(t, n, len(want))
	d := s.Detached(id(2), w)
	w.Abort()
	_, err = d.Write(want[n:])
	require.NoError(t, err)
	again := s.Detached(id(2), d)
	_, err = d.Commit(t.Context())
	require.ErrorIs(t, err, tier.ErrNoSpace)
	require.EqualValues(t, len(want), again.Len())
	got := make([]byte, len(want))
	_, err = again.ReadAt(got, 0)
	require.NoError(t, err)
	require.Equal(t, want, got)
	again.Abort()
	_, _, ok := s.Has(id(2))
	require.False(t, ok)
	empty := s.Detached(id(3), nil)
	_, err = empty.Write(want)
	require.NoError(t, err)
	require.EqualValues(t, len(want), empty.Len())
	empty.Abort()
}
