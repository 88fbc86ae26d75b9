package tier_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// hanging is a disk below /hung whose operations of some kinds wait, once it is told to, until it is let go.
type hanging struct {
	vfs.FS
	hangs atomic.Bool
	leave chan struct{}
}

func newHanging(mem *vfs.Mem, kinds ...vfs.OpKind) *hanging {
	h := &hanging{leave: make(chan struct{})}
	h.FS = vfs.NewFaulty(mem, func(op vfs.Op) error {
		for _, kind := range kinds {
			if op.Kind == kind && h.hangs.Load() && strings.HasPrefix(op.Name, "/hung") {
				<-h.leave
			}
		}
		return nil
	})
	return h
}

// TestCloseOfADiskThatHangs: Close ends with its context, and says which directory it waits for; the other one is free by then. When the
// disk answers, what is held is saved all the same, and the directory is free when a later Close returns.
func TestCloseOfADiskThatHangs(t *testing.T) {
	for name, kind := range map[string]vfs.OpKind{"write": vfs.OpWrite, "sync": vfs.OpSync, "look": vfs.OpStat} {
		for _, evicting := range []bool{false, true} {
			t.Run(name+map[bool]string{true: " of an eviction"}[evicting], func(t *testing.T) {
				bubbletest.Test(t, func(t *testing.T) { closeHung(t, kind, evicting) })
			})
		}
	}
}

func closeHung(t *testing.T, kind vfs.OpKind, evicting bool) {
	mem := vfs.NewMem()
	disk := newHanging(mem, kind)
	tiers := []tier.Config{memory(mib), ssd(8*mib, "/hung"), hdd(8*mib, "/d")}
	s := openWith(t, tier.Options{FS: disk}, tiers...)
	require.NoError(t, s.Put(t.Context(), id(1), body(1, 64*kib), tier.PutOptions{Hold: true}))
	disk.hangs.Store(true)
	if evicting {
		for n := 2; s.Put(t.Context(), id(n), body(n, 64*kib), tier.PutOptions{Try: true, Hold: true}) == nil; n++ {
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	began := time.Now()
	err := s.Close(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "/hung")
	require.Equal(t, 6*time.Second, time.Since(began))

	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.ErrorIs(t, s.Close(short), context.DeadlineExceeded, "it still hangs")
	require.ErrorIs(t, s.Put(t.Context(), id(99), body(99, 10), tier.PutOptions{}), tier.ErrClosed)
	disk.hangs.Store(false)
	close(disk.leave)
	closed := s.Close(t.Context())
	require.NoError(t, s.Close(t.Context()))
	s = openWith(t, tier.Options{FS: mem}, tiers...)
	defer closeStore(t, s)
	if closed == nil {
		requireBlock(t, s, 1, 64*kib)
	} else { // its time was up before it came to what is held, and it says so
		require.ErrorContains(t, closed, "held blocks could not be saved")
	}
}

// TestCloseLetsOtherDirectoriesGo: beside a disk that hangs.
func TestCloseLetsOtherDirectoriesGo(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem()
		disk := newHanging(mem, vfs.OpSync)
		s := openWith(t, tier.Options{FS: disk}, ssd(8*mib, "/hung", "/d"))
		for n := range 4 {
			require.NoError(t, s.Put(t.Context(), id(n), body(n, 64*kib), tier.PutOptions{}))
		}
		disk.hangs.Store(true)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		err := s.Close(ended)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "/hung not let go")
		other := openWith(t, tier.Options{FS: mem}, ssd(4*mib, "/d"))
		closeStore(t, other)
		_, err = tier.Open(t.Context(), tier.Options{FS: mem, BlockSize: 64 * kib}, ssd(4*mib, "/hung"))
		var held *vfs.LockedError
		require.ErrorAs(t, err, &held)
		close(disk.leave)
		require.NoError(t, s.Close(t.Context()))
		closeStore(t, openWith(t, tier.Options{FS: mem}, ssd(4*mib, "/hung")))
	})
}
