package tier_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// TestReleasedViewIsPoisoned uses a View's bytes after its Release: with Options.Poison they are another's at once, when the block has left.
func TestReleasedViewIsPoisoned(t *testing.T) {
	for _, leave := range []string{"drop", "file", "eviction", "close"} {
		t.Run(leave, func(t *testing.T) {
			ctx := t.Context()
			s := openWith(t, tier.Options{Poison: true}, memory(mib))
			want := body(1, 60*kib)
			require.NoError(t, s.Put(ctx, id(1), want, tier.PutOptions{}))
			v, err := s.View(ctx, id(1), 0, 60*kib)
			require.NoError(t, err)
			lent := v.Bytes()
			require.Equal(t, want, lent)
			switch leave {
			case "drop":
				require.True(t, s.Drop(id(1)))
			case "file":
				require.Equal(t, 1, s.DropFile(id(1).File()))
			case "eviction": // what is lent is not evicted: it would free nothing
				for n := range 100 {
					require.NoError(t, s.Put(ctx, id(1000+n), body(n, 60*kib), tier.PutOptions{}))
				}
				_, _, ok := s.Has(id(1))
				require.True(t, ok)
				require.True(t, s.Drop(id(1)))
			}
			require.Equal(t, want, lent, "it is lent still")
			if leave == "close" {
				ended := make(chan error)
				go func() { ended <- s.Close(ctx) }()
				require.Eventually(t, func() bool { return s.Get(id(1)) == nil }, closeTime, pollTime)
				require.Equal(t, want, lent, "Close waits for it")
				v.Release()
				require.NoError(t, <-ended)
			} else {
				v.Release()
			}
			require.Equal(t, bytes.Repeat([]byte{0xDB}, len(lent)), lent, "a use after Release is seen")
			require.Nil(t, v.Bytes())
			closeStore(t, s)
		})
	}
}

// TestViewOfWhatIsNotThere has the errors of View.
func TestViewOfWhatIsNotThere(t *testing.T) {
	s, ctx := open(t, vfs.NewMem(), memory(mib), ssd(4*mib, "/d")), t.Context()
	require.NoError(t, s.Put(ctx, id(1), body(1, 100), tier.PutOptions{}))
	_, err := s.View(ctx, id(2), 0, 1)
	require.ErrorIs(t, err, tier.ErrMiss)
	for _, at := range [][2]int{{-1, 1}, {100, 1}, {0, 0}, {0, -1}, {1 << 40, 5}} {
		_, err = s.View(ctx, id(1), int64(at[0]), at[1])
		require.ErrorContains(t, err, "invalid")
		require.ErrorContains(t, err, "which has 100")
	}
	_, _, err = s.ReadAt(ctx, id(1), make([]byte, 1), -1, false)
	require.ErrorContains(t, err, "invalid")
	n, _, err := s.ReadAt(ctx, id(1), make([]byte, 1), 1<<40, false)
	require.NoError(t, err)
	require.Zero(t, n)
}

// TestViewWhenMemoryIsHeld asks for a block that lies on a disk while nothing may leave memory.
func TestViewWhenMemoryIsHeld(t *testing.T) {
	s, ctx := open(t, vfs.NewMem(), memory(mib), ssd(mib, "/d")), t.Context()
	require.NoError(t, s.Put(ctx, id(0), body(0, 64*kib), tier.PutOptions{Hold: true, MinKind: tier.SSD}))
	for n := 1; ; n++ {
		if err := s.Put(ctx, id(n), body(n, 64*kib), tier.PutOptions{Hold: true}); err != nil {
			require.ErrorIs(t, err, tier.ErrNoSpace)
			break
		}
		defer s.Unhold(id(n))
	}
	_, err := s.View(ctx, id(0), 0, 10)
	require.ErrorIs(t, err, tier.ErrNoSpace, "not a miss: the disk has it")
	requireBlock(t, s, 0, 64*kib)
}
