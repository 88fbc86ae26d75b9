package tier_test

import (
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// TestHeldCopyInMemoryOutlivesTheDisk: a block that is held on a disk and was promoted is held in memory too. When the disk fails, that
// copy is the only one.
func TestHeldCopyInMemoryOutlivesTheDisk(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		disk, ctx := newFailing(), t.Context()
		s := openWith(t, tier.Options{FS: disk}, memory(1*mib), ssd(8*mib, "/d"))
		defer closeStore(t, s)
		for n := range 2 {
			require.NoError(t, s.Put(ctx, id(n), body(n, 64*kib), tier.PutOptions{Hold: true, MinKind: tier.SSD}))
		}
		require.NoError(t, s.Save(ctx, id(0), id(1)))
		_, err := s.Promote(ctx, id(1))
		require.NoError(t, err)
		disk.fail(syscall.EIO, true)
		_, _, err = s.ReadAt(ctx, id(0), make([]byte, 10), 0, false)
		require.ErrorIs(t, err, tier.ErrMiss)
		for n := range 100 {
			require.NoError(t, s.Put(ctx, id(2+n), body(2+n, 64*kib), tier.PutOptions{}))
		}
		requireBlock(t, s, 1, 64*kib)
		require.True(t, s.Held(id(1)))
		disk.heal()
	})
}

// TestPromotedCopyFollowsItsMarks: what is changed after a block was promoted is changed on both copies, and the one in memory may be
// evicted again when nothing holds the block.
func TestPromotedCopyFollowsItsMarks(t *testing.T) {
	ctx := t.Context()
	s := openWith(t, tier.Options{FS: newFailing()}, memory(1*mib), ssd(8*mib, "/d"))
	defer closeStore(t, s)
	require.NoError(t, s.Put(ctx, id(1), body(1, 64*kib), tier.PutOptions{Hold: true, Pin: true, MinKind: tier.SSD}))
	_, err := s.Promote(ctx, id(1))
	require.NoError(t, err)
	require.Equal(t, []bool{true, true, true, true}, marksOf(s))
	s.Unpin(id(1))
	require.Equal(t, []bool{true, false, true, false}, marksOf(s))
	s.Unhold(id(1))
	require.Equal(t, []bool{false, false, false, false}, marksOf(s))
}

// marksOf are held and pinned of each copy of a block that a store has.
func marksOf(s *tier.Store) (list []bool) {
	for b := range s.All() {
		list = append(list, b.Held, b.Pinned)
	}
	return list
}

// TestMarksMeetAPromotion: what is changed while a block is read from the disk is changed on the copy, too.
func TestMarksMeetAPromotion(t *testing.T) {
	ctx := t.Context()
	var s *tier.Store
	var reading atomic.Bool
	s = openWith(t, tier.Options{FS: vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
		if op.Kind == vfs.OpRead && reading.CompareAndSwap(true, false) {
			s.Unhold(id(1))
			return s.Pin(id(1))
		}
		return nil
	})}, memory(1*mib), ssd(8*mib, "/d"))
	defer closeStore(t, s)
	require.NoError(t, s.Put(ctx, id(1), body(1, 64*kib), tier.PutOptions{Hold: true, MinKind: tier.SSD}))
	reading.Store(true)
	_, err := s.Promote(ctx, id(1))
	require.NoError(t, err)
	require.False(t, reading.Load())
	require.Equal(t, []bool{false, true, false, true}, marksOf(s))
}

// TestMarksBesidePromotions: however a promotion and a change of marks fall together, both copies have the new ones.
func TestMarksBesidePromotions(t *testing.T) {
	ctx := t.Context()
	s := openWith(t, tier.Options{FS: vfs.NewMem()}, memory(1*mib), ssd(8*mib, "/d"))
	defer closeStore(t, s)
	for n := range 2000 {
		block, pin := id(1000+n), n%2 == 0
		require.NoError(t, s.Put(ctx, block, body(n, 100), tier.PutOptions{Pin: !pin, MinKind: tier.SSD}))
		var promoting sync.WaitGroup
		promoting.Go(func() { _, _ = s.Promote(ctx, block) })
		if pin {
			require.NoError(t, s.Pin(block))
		} else {
			s.Unpin(block)
		}
		promoting.Wait()
		for b := range s.All() {
			require.Equal(t, pin, b.Pinned, b)
		}
		s.Drop(block)
	}
}
