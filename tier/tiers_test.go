package tier_test

import (
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

const (
	closeTime = 20 * time.Second // for what happens soon
	pollTime  = time.Millisecond
)

var putDefault tier.PutOptions

func kindOf(t *testing.T, s *tier.Store, n int) tier.Kind {
	t.Helper()
	kind, _, ok := s.Has(id(n))
	require.True(t, ok, "block %d", n)
	return kind
}

func TestMinKind(t *testing.T) {
	s, ctx := open(t, vfs.NewMem(), memory(mib), ssd(4*mib, "/ssd"), hdd(4*mib, "/hdd")), t.Context()
	for n, kind := range []tier.Kind{tier.Memory, tier.SSD, tier.HDD} {
		require.NoError(t, s.Put(ctx, id(n), body(n, 1000), tier.PutOptions{MinKind: kind}))
		require.Equal(t, kind, kindOf(t, s, n))
		requireBlock(t, s, n, 1000)
	}
	alone := open(t, vfs.NewMem(), memory(mib))
	require.ErrorIs(t, alone.Put(ctx, id(1), body(1, 10), tier.PutOptions{MinKind: tier.SSD}), tier.ErrNoSpace)
}

// TestTry fills each tier with what may not leave, and with what may leave only by way of a disk.
func TestTry(t *testing.T) {
	ctx := t.Context()
	fill := func(s *tier.Store, o tier.PutOptions) error {
		for n := range 1000 {
			if err := s.Put(ctx, id(n), body(n, 60*kib), o); err != nil {
				return err
			}
		}
		return nil
	}
	alone := open(t, vfs.NewMem(), memory(mib))
	require.NoError(t, fill(alone, tier.PutOptions{Try: true}), "to evict without a disk is no wait")
	full := open(t, vfs.NewMem(), memory(mib))
	require.Error(t, fill(full, tier.PutOptions{Try: true, Hold: true}))
	require.Eventually(t, func() bool { // busy while a look for what may leave is still under way
		return errors.Is(full.Put(ctx, id(1000), body(1000, 60*kib), tier.PutOptions{Try: true, Hold: true}), tier.ErrNoSpace)
	}, closeTime, pollTime)

	leave := make(chan struct{})
	fsys, waits := slow(leave)
	s := open(t, fsys, memory(mib), ssd(2*mib, "/d"))
	waits.Store(true)
	require.ErrorIs(t, fill(s, tier.PutOptions{Try: true}), tier.ErrBusy)
	close(leave)
	two := open(t, vfs.NewMem(), ssd(mib, "/ssd"), hdd(4*mib, "/hdd"))
	require.ErrorIs(t, fill(two, tier.PutOptions{Try: true, Hold: true}), tier.ErrBusy)
}

// TestWatermarks lets each kind of tier free ahead of need, down to LowWater.
func TestWatermarks(t *testing.T) {
	for name, c := range map[string]tier.Config{"memory": memory(4 * mib), "ssd": ssd(8*mib, "/d")} {
		t.Run(name, func(t *testing.T) {
			c.LowWater, c.HighWater = 0.4, 0.6
			s, ctx := open(t, vfs.NewMem(), c), t.Context()
			for n := range 200 {
				require.NoError(t, s.Put(ctx, id(n), body(n, 64*kib), tier.PutOptions{}))
			}
			share := func() float64 {
				m := s.Metrics().Tiers[0]
				return float64(m.Used) / float64(m.Capacity)
			}
			require.Eventually(t, func() bool { return share() <= 0.6 }, closeTime, pollTime)
			require.Greater(t, share(), 0.2, "and no further")
		})
	}
}

// TestCloseSavesMostUsedFirst closes a store whose disks have less room than its memory: they get what was used, all disks are filled, and
// what is held comes first.
func TestCloseSavesMostUsedFirst(t *testing.T) {
	disk, ctx := vfs.NewMem(), t.Context()
	tiers := []tier.Config{memory(4 * mib), ssd(mib, "/ssd"), hdd(mib, "/hdd")}
	s := openWith(t, tier.Options{FS: disk}, tiers...)
	for n := range 50 {
		require.NoError(t, s.Put(ctx, id(n), body(n, 64*kib), tier.PutOptions{Hold: n == 49}))
	}
	for range 5 {
		for n := range 10 {
			requireBlock(t, s, n, 64*kib)
		}
	}
	closeStore(t, s)
	s = openWith(t, tier.Options{FS: disk}, tiers...)
	defer closeStore(t, s)
	for n := range 10 {
		require.Equal(t, tier.SSD, kindOf(t, s, n), "block %d was used most", n)
	}
	require.Equal(t, tier.SSD, kindOf(t, s, 49))
	kinds := map[tier.Kind]int{}
	for b := range s.All() {
		kinds[b.Kind]++
	}
	require.GreaterOrEqual(t, kinds[tier.SSD], 12)
	require.GreaterOrEqual(t, kinds[tier.HDD], 10, "the slower disk is filled too")
}

// TestMetricsByTier counts hits and misses where they happen.
func TestMetricsByTier(t *testing.T) {
	s, ctx := open(t, vfs.NewMem(), memory(mib), ssd(4*mib, "/ssd"), hdd(4*mib, "/hdd")), t.Context()
	for n, kind := range []tier.Kind{tier.Memory, tier.SSD, tier.HDD} {
		require.NoError(t, s.Put(ctx, id(n), body(n, 1000), tier.PutOptions{MinKind: kind}))
	}
	p := make([]byte, 10)
	for n := range 4 {
		_, _, _ = s.ReadAt(ctx, id(n), p, 0, false)
	}
	counts := func() (c [3][3]uint64) {
		for i, m := range s.Metrics().Tiers {
			c[i] = [3]uint64{m.Hits, m.Misses, m.Promotions}
		}
		return c
	}
	require.Equal(t, [3][3]uint64{{1, 3, 0}, {1, 2, 0}, {1, 1, 0}}, counts())
	v, err := s.View(ctx, id(2), 0, 10)
	require.NoError(t, err)
	v.Release()
	require.Equal(t, [3][3]uint64{{1, 4, 0}, {1, 3, 0}, {2, 1, 1}}, counts(), "a View from the slow disk")
	_, err = s.View(ctx, id(3), 0, 10)
	require.ErrorIs(t, err, tier.ErrMiss)
	require.Equal(t, [3][3]uint64{{1, 5, 0}, {1, 4, 0}, {2, 2, 1}}, counts())
	require.Nil(t, s.Get(id(3)))
	require.Equal(t, uint64(5), counts()[0][1], "Get alone counts no miss")
	require.NotNil(t, s.Get(id(2)))
	require.Equal(t, uint64(2), counts()[0][0])
}

// TestBlockLargerThanTheTier is refused, or goes to a tier that has the room, and pushes nothing out.
func TestBlockLargerThanTheTier(t *testing.T) {
	ctx, large := t.Context(), make([]byte, 2*mib)
	for name, tiers := range map[string][]tier.Config{"memory": {memory(mib)}, "ssd": {ssd(mib, "/d")}, "both": {memory(mib), ssd(8*mib, "/d")}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, vfs.NewMem(), tiers...)
			for n := range 8 {
				require.NoError(t, s.Put(ctx, id(n), body(n, 60*kib), tier.PutOptions{}))
			}
			err := s.Put(ctx, id(100), large, tier.PutOptions{})
			if name == "both" {
				require.NoError(t, err)
				require.Equal(t, tier.SSD, kindOf(t, s, 100))
			} else {
				require.ErrorIs(t, err, tier.ErrNoSpace)
			}
			for n := range 8 {
				requireBlock(t, s, n, 60*kib)
			}
		})
	}
}

func TestSetQuotaOfWhatIsNotThere(t *testing.T) {
	s, ctx := open(t, vfs.NewMem(), ssd(8*mib, "/d")), t.Context()
	err := s.SetQuota(ctx, tier.SSD, "/e", 4*mib)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "/e")
	require.ErrorIs(t, s.SetQuota(ctx, tier.HDD, "/d", 4*mib), fs.ErrNotExist)
	require.ErrorIs(t, s.SetQuota(ctx, tier.SSD, "/d", 1000), fs.ErrInvalid)
	require.NoError(t, s.SetQuota(ctx, tier.SSD, "/d/", 4*mib))
}
