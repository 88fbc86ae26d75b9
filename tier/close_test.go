package tier_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// closeTold closes a tier of memory over a small disk, with one held block in memory, within a context that has ended.
func closeTold(t *testing.T, saved bool) error {
	s, err := tier.Open(t.Context(), tier.Options{BlockSize: 64 * kib, FS: vfs.NewMem()}, memory(mib), ssd(4*mib, "/d"))
	require.NoError(t, err)
	require.NoError(t, s.Put(t.Context(), id(1), body(1, 1000), tier.PutOptions{Hold: true}))
	if saved {
		require.NoError(t, s.Save(t.Context(), id(1)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return s.Close(ctx)
}

// Close within a context that has ended says so of a held block that it did not save, and nothing of one that is on a disk.
func TestCloseWithoutTime(t *testing.T) {
	require.NoError(t, closeTold(t, true))
	err := closeTold(t, false)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, tier.ErrNoSpace)
	require.ErrorContains(t, err, "1 held blocks")
}

// What memory lets go where there is no tier below is told, too.
func TestEvictedWithoutATierBelow(t *testing.T) {
	var told []tier.EvictInfo
	s, err := tier.Open(t.Context(), tier.Options{BlockSize: 64 * kib, Events: tier.Events{
		Evicted:  func(i tier.EvictInfo) { told = append(told, i) },
		Rejected: func(i tier.EvictInfo) { t.Errorf("%v should have moved down: there is nothing below", i.ID) },
	}}, tier.Config{Kind: tier.Memory, Size: mib, HighWater: 1, LowWater: 1})
	require.NoError(t, err)
	for i := range 40 {
		require.NoError(t, s.Put(t.Context(), id(i), body(i, 64*kib), putDefault))
	}
	m := s.Metrics().Tiers[0]
	require.NoError(t, s.Close(t.Context()))
	require.NotZero(t, m.Evictions)
	require.EqualValues(t, m.Evictions, len(told))
	require.Zero(t, m.Rejected)
	for _, i := range told {
		require.Equal(t, tier.Memory, i.From)
		require.True(t, i.Gone)
		require.NoError(t, i.Err)
		require.EqualValues(t, 64*kib, i.Length)
	}
}
