package tier_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// TestBlockShowsAtCommit: nothing of a block that is being written can be found before Commit, all of it after; of one that was aborted
// nothing is left.
func TestBlockShowsAtCommit(t *testing.T) {
	const length = 300 * kib
	for name, tiers := range map[string][]tier.Config{
		"memory": {memory(4 * mib)}, "disk": {ssd(8*mib, "/d")}, "spill": {memory(128 * kib), ssd(8*mib, "/d")},
	} {
		t.Run(name, func(t *testing.T) {
			s, ctx := open(t, vfs.NewMem(), tiers...), t.Context()
			hidden := func(when string) {
				t.Helper()
				_, _, ok := s.Has(id(1))
				require.False(t, ok, when)
				require.Nil(t, s.Get(id(1)), when)
				_, _, err := s.ReadAt(ctx, id(1), make([]byte, 10), 0, true)
				require.ErrorIs(t, err, tier.ErrMiss, when)
				_, err = s.View(ctx, id(1), 0, 10)
				require.ErrorIs(t, err, tier.ErrMiss, when)
				for b := range s.All() {
					t.Fatalf("%s: %v is listed", when, b.ID)
				}
			}
			used := func() (n int64) {
				for _, m := range s.Metrics().Tiers {
					n += m.Used
				}
				return n
			}
			before := used()
			for _, commit := range []bool{false, true} {
				w, err := s.Create(ctx, id(1), 0, tier.PutOptions{Hold: true})
				require.NoError(t, err)
				hidden("begun")
				_, err = w.Write(body(1, length))
				require.NoError(t, err)
				hidden("written")
				if !commit {
					w.Abort()
					hidden("aborted")
					require.Equal(t, before, used(), "room that an aborted block keeps")
					_, err = w.Commit(ctx)
					require.ErrorIs(t, err, tier.ErrClosed)
					hidden("committed after Abort")
					continue
				}
				_, err = w.Commit(ctx)
				require.NoError(t, err)
				w.Abort()
				requireBlock(t, s, 1, length)
			}
		})
	}
}
