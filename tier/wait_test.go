package tier_test

import (
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// TestWaitEndsWhenABlockMayLeave fills memory with blocks that may not leave and lets one go while another Writer is open: who waits
// for room gets it at once, not when that Writer ends.
func TestWaitEndsWhenABlockMayLeave(t *testing.T) {
	for name, c := range map[string]struct {
		o     tier.PutOptions
		letGo func(*tier.Store)
	}{
		"Unhold": {tier.PutOptions{Hold: true}, func(s *tier.Store) { s.Unhold(id(3)) }},
		"Unpin":  {tier.PutOptions{Pin: true}, func(s *tier.Store) { s.Unpin(id(3)) }},
	} {
		t.Run(name, func(t *testing.T) {
			waitFor(t, c.o, func(_ *testing.T, s *tier.Store) func() { return func() { c.letGo(s) } })
		})
	}
	t.Run("Release", func(t *testing.T) {
		waitFor(t, tier.PutOptions{Pin: true}, func(t *testing.T, s *tier.Store) func() {
			views := make([]*tier.View, 16)
			for n := 1; n < len(views); n++ {
				v, err := s.View(t.Context(), id(n), 0, 100)
				require.NoError(t, err)
				s.Unpin(id(n))
				views[n] = v
			}
			t.Cleanup(func() {
				for _, v := range views[1:] {
					v.Release()
				}
			})
			return views[3].Release
		})
	})
}

// waitFor fills memory with blocks put with o and a Writer; keep may keep them in other ways, and returns what lets one go.
func waitFor(t *testing.T, o tier.PutOptions, keep func(*testing.T, *tier.Store) (letGo func())) {
	bubbletest.Test(t, func(t *testing.T) {
		s, ctx := open(t, vfs.NewMem(), memory(mib)), t.Context()
		w, err := s.Create(ctx, id(100), 64*kib, tier.PutOptions{})
		require.NoError(t, err)
		defer w.Abort()
		for n := 1; n < 16; n++ {
			require.NoError(t, s.Put(ctx, id(n), body(n, 64*kib), o))
		}
		letGo := keep(t, s)
		put := make(chan error, 1)
		go func() { put <- s.Put(ctx, id(200), body(200, 64*kib), tier.PutOptions{}) }()
		synctest.Wait()
		require.Empty(t, put, "it waits for the other Writer")
		letGo()
		synctest.Wait()
		require.Len(t, put, 1, "a block may leave, and nobody said so")
		require.NoError(t, <-put)
	})
}

// TestOneGoroutineWritesManyBlocks takes turns between Writers whose blocks do not fit into memory together. None of them ends
// before the others, so that waiting for them would be for ever: what does not fit goes to the disk.
func TestOneGoroutineWritesManyBlocks(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		s, ctx := open(t, vfs.NewMem(), memory(mib), ssd(64*mib, "/d")), t.Context()
		var writers []*tier.Writer
		for n := range 8 {
			w, err := s.Create(ctx, id(n), 0, tier.PutOptions{Hold: true})
			require.NoError(t, err)
			writers = append(writers, w)
		}
		const piece = 32 * kib
		for k := range 8 {
			for n, w := range writers {
				_, err := w.Write(body(n, 8*piece)[k*piece : (k+1)*piece])
				require.NoError(t, err)
			}
		}
		for _, w := range writers {
			_, err := w.Commit(ctx)
			require.NoError(t, err)
		}
		for n := range writers {
			got := make([]byte, 8*piece)
			_, _, err := s.ReadAt(ctx, id(n), got, 0, false)
			require.NoError(t, err)
			require.Equal(t, body(n, 8*piece), got)
		}
	})
}

// TestWhoMaySpillIsToldThatNothingLeaves has a Writer wait for a block that is on its way to the disk, which then does not take
// it, while another block is being written for as long as the test goes on: the Writer goes to the disk itself, or it would wait for
// ever.
func TestWhoMaySpillIsToldThatNothingLeaves(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		gate, armed := make(chan struct{}), atomic.Bool{}
		disk := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
			if op.Kind == vfs.OpWrite && armed.Load() {
				<-gate
				return syscall.ENOSPC
			}
			return nil
		})
		s, ctx := open(t, disk, memory(mib), ssd(64*mib, "/d")), t.Context()
		require.NoError(t, s.Put(ctx, id(1), body(1, 64*kib), tier.PutOptions{Hold: true}))
		long, err := s.Create(ctx, id(2), 0, tier.PutOptions{})
		require.NoError(t, err)
		defer long.Abort()
		armed.Store(true)
		_, err = long.Write(body(2, 15*64*kib)) // memory is full: what may leave goes to the disk
		require.NoError(t, err)
		w, err := s.Create(ctx, id(3), 0, tier.PutOptions{})
		require.NoError(t, err)
		written := make(chan error, 1)
		go func() {
			_, err := w.Write(body(3, 64*kib))
			written <- err
		}()
		synctest.Wait()
		require.Empty(t, written)
		close(gate)
		synctest.Wait()
		require.Len(t, written, 1, "nothing leaves memory, and nobody said so")
		require.NoError(t, <-written)
		w.Abort()
		armed.Store(false)
	})
}

// TestWaitEnds: one who writes two blocks in turns is told of it, when the time that he gives others is up.
func TestWaitEnds(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		s, ctx := open(t, vfs.NewMem(), memory(mib)), t.Context()
		other, err := s.Create(ctx, id(1), mib, tier.PutOptions{})
		require.NoError(t, err)
		defer other.Abort()
		_, err = other.Write(body(1, mib))
		require.NoError(t, err)
		began := time.Now()
		_, err = s.Create(ctx, id(2), mib, tier.PutOptions{Wait: 3 * time.Second})
		require.ErrorIs(t, err, tier.ErrBusy)
		require.Equal(t, 3*time.Second, time.Since(began))
	})
}
