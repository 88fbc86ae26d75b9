package tier_test

import (
	"context"
	"errors"
	"io/fs"
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

// failing is a disk that fails on demand.
type failing struct {
	vfs.FS
	mem   *vfs.Mem
	why   atomic.Pointer[error]
	reads atomic.Bool // fail as well
}

func newFailing() *failing {
	f := &failing{mem: vfs.NewMem()}
	f.FS = vfs.NewFaulty(f.mem, func(op vfs.Op) error {
		if why := f.why.Load(); why != nil && (op.Kind.Mutates() || f.reads.Load() && op.Kind == vfs.OpRead) {
			return *why
		}
		return nil
	})
	return f
}

func (f *failing) fail(why error, reads bool) {
	f.reads.Store(reads)
	f.why.Store(&why)
}

func (f *failing) heal() { f.why.Store(nil) }

// dirEvents counts what happens to directories.
type dirEvents struct {
	down, up, rejected atomic.Int32
	why                atomic.Pointer[error]
}

func (e *dirEvents) events() tier.Events {
	return tier.Events{
		DirDown:  func(i tier.DirInfo) { e.down.Add(1); e.why.Store(&i.Err) },
		DirUp:    func(tier.DirInfo) { e.up.Add(1) },
		Rejected: func(tier.EvictInfo) { e.rejected.Add(1) },
	}
}

func openWith(t *testing.T, o tier.Options, tiers ...tier.Config) *tier.Store {
	t.Helper()
	o.BlockSize = 64 * kib
	s, err := tier.Open(t.Context(), o, tiers...)
	require.NoError(t, err)
	return s
}

func closeStore(t *testing.T, s *tier.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(t, s.Close(ctx))
}

func requireBlock(t *testing.T, s *tier.Store, n, length int) {
	t.Helper()
	p := make([]byte, length+1)
	got, _, err := s.ReadAt(t.Context(), id(n), p, 0, false)
	require.NoError(t, err, "block %d", n)
	require.Equal(t, body(n, length), p[:got], "block %d", n)
}

// TestDirectoryThatDoesNotOpen: a store is not opened without a directory that may have the only copy of something; it is there later.
func TestDirectoryThatDoesNotOpen(t *testing.T) {
	for _, why := range []error{syscall.ENOSPC, syscall.EROFS, syscall.EIO} {
		disk, ctx := newFailing(), t.Context()
		s := openWith(t, tier.Options{FS: disk}, ssd(8*mib, "/d"))
		require.NoError(t, s.Put(ctx, id(1), body(1, 5000), tier.PutOptions{Hold: true}))
		require.NoError(t, s.Save(ctx, id(1)))
		require.NoError(t, s.Close(ctx))
		disk.fail(why, false)
		_, err := tier.Open(ctx, tier.Options{FS: disk, BlockSize: 64 * kib}, memory(mib), ssd(8*mib, "/d", "/good"))
		require.ErrorIs(t, err, why)
		require.ErrorContains(t, err, "/d")
		require.ErrorContains(t, err, "make room, or mend it")
		disk.heal()
		s = openWith(t, tier.Options{FS: disk}, ssd(8*mib, "/d"))
		requireBlock(t, s, 1, 5000)
		closeStore(t, s)
	}
}

// TestDirectoryFailsAndComesBack has a directory fill up, turn read-only and return EIO: it is taken out with an event, reads go on where
// the disk gives them, drops and marks are not forgotten, and it comes back by itself.
func TestDirectoryFailsAndComesBack(t *testing.T) {
	for name, c := range map[string]struct {
		why   error
		reads bool
	}{
		"full": {syscall.ENOSPC, false}, "read-only": {syscall.EROFS, false}, "EIO of writes": {syscall.EIO, false}, "EIO": {syscall.EIO, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				disk, seen, ctx := newFailing(), &dirEvents{}, t.Context()
				s := openWith(t, tier.Options{FS: disk, Events: seen.events()}, ssd(8*mib, "/d"))
				for n := range 20 {
					require.NoError(t, s.Put(ctx, id(n), body(n, 5000), tier.PutOptions{Hold: n < 5}))
				}
				require.NoError(t, s.Save(ctx, id(0), id(1), id(2), id(3), id(4)))
				disk.fail(c.why, c.reads)
				for range 2 { // when it fails, and when it has
					err := s.Put(ctx, id(99), body(99, 5000), tier.PutOptions{})
					require.ErrorIs(t, err, tier.ErrNoSpace)
					require.ErrorContains(t, err, "/d is out of service: ")
					require.ErrorContains(t, err, c.why.Error())
				}
				require.EqualValues(t, 1, seen.down.Load())
				require.ErrorIs(t, *seen.why.Load(), c.why)
				require.Equal(t, 1, s.Metrics().Tiers[0].DirsDown)
				for n := range 20 {
					if !c.reads {
						requireBlock(t, s, n, 5000)
						continue
					}
					_, _, err := s.ReadAt(ctx, id(n), make([]byte, 10), 0, false)
					require.ErrorIs(t, err, tier.ErrMiss)
				}
				s.Drop(id(3))
				s.Drop(id(7))
				s.Unhold(id(2))
				time.Sleep(5 * time.Minute)
				require.Zero(t, seen.up.Load(), "it does not work yet")
				require.EqualValues(t, 1, seen.down.Load(), "once is enough")
				require.ErrorContains(t, s.Put(ctx, id(99), body(99, 5000), tier.PutOptions{}), "/d is out of service: ")

				disk.heal()
				time.Sleep(time.Minute)
				require.EqualValues(t, 1, seen.up.Load())
				require.Equal(t, 1, s.Metrics().Tiers[0].DirsUp)
				require.NoError(t, s.Put(ctx, id(99), body(99, 5000), tier.PutOptions{}))
				check := func() {
					held := map[tier.BlockID]bool{}
					for b := range s.All() {
						held[b.ID] = b.Held
					}
					for n := range 20 {
						isHeld, ok := held[id(n)]
						require.Equal(t, n != 3 && n != 7, ok, "block %d", n)
						require.Equal(t, ok && n < 5 && n != 2, isHeld, "block %d", n)
						if ok {
							requireBlock(t, s, n, 5000)
						}
					}
					requireBlock(t, s, 99, 5000)
				}
				check()
				closeStore(t, s)
				s = openWith(t, tier.Options{FS: disk}, ssd(8*mib, "/d"))
				defer closeStore(t, s)
				check()
			})
		})
	}
}

// TestDirectoryDisappears removes a directory while it is used.
func TestDirectoryDisappears(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		disk, seen, ctx := newFailing(), &dirEvents{}, t.Context()
		s := openWith(t, tier.Options{FS: disk, Events: seen.events()}, ssd(8*mib, "/d"))
		defer closeStore(t, s)
		require.NoError(t, s.Put(ctx, id(1), body(1, 5000), tier.PutOptions{}))
		require.NoError(t, disk.mem.RemoveAll("/d"))
		require.ErrorIs(t, s.Save(ctx, id(1)), fs.ErrNotExist, "what is synced into a removed file is lost")
		require.EqualValues(t, 1, seen.down.Load())
		time.Sleep(time.Minute)
		require.EqualValues(t, 1, seen.up.Load(), "made again")
		_, _, err := s.ReadAt(ctx, id(1), make([]byte, 10), 0, false)
		require.ErrorIs(t, err, tier.ErrMiss)
		require.NoError(t, s.Put(ctx, id(2), body(2, 5000), tier.PutOptions{}))
		require.NoError(t, s.Save(ctx, id(2)))

		require.NoError(t, disk.mem.RemoveAll("/d"))
		time.Sleep(time.Minute)
		require.EqualValues(t, 2, seen.down.Load(), "also when nothing is written")
		require.EqualValues(t, 2, seen.up.Load())
	})
}

// TestDirectoryDisappearsBetweenFiles removes a directory and fills on: the next file of blocks does not make half of it anew, which
// nobody could open.
func TestDirectoryDisappearsBetweenFiles(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		disk, seen, ctx := newFailing(), &dirEvents{}, t.Context()
		s := openWith(t, tier.Options{FS: disk, Events: seen.events()}, ssd(16*mib, "/d"))
		require.NoError(t, s.Put(ctx, id(0), body(0, 60*kib), tier.PutOptions{}))
		require.NoError(t, disk.mem.RemoveAll("/d"))
		var err error
		for n := 1; err == nil; n++ {
			require.Less(t, n, 200, "more than a file's worth")
			err = s.Put(ctx, id(n), body(n, 60*kib), tier.PutOptions{})
		}
		require.ErrorIs(t, err, tier.ErrNoSpace)
		require.EqualValues(t, 1, seen.down.Load())
		require.ErrorIs(t, *seen.why.Load(), fs.ErrNotExist)
		time.Sleep(time.Minute)
		require.EqualValues(t, 1, seen.up.Load(), "made again")
		require.NoError(t, s.Put(ctx, id(999), body(999, 60*kib), tier.PutOptions{}))
		closeStore(t, s)
		s = openWith(t, tier.Options{FS: disk}, ssd(16*mib, "/d"))
		defer closeStore(t, s)
		requireBlock(t, s, 999, 60*kib)
	})
}

// TestOtherDirectoryTakesOver fails one of two directories.
func TestOtherDirectoryTakesOver(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		var bad atomic.Bool
		fsys := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
			if bad.Load() && op.Kind.Mutates() && len(op.Name) > 2 && op.Name[:2] == "/a" {
				return syscall.EIO
			}
			return nil
		})
		ctx := t.Context()
		s := openWith(t, tier.Options{FS: fsys}, ssd(16*mib, "/a", "/b"))
		defer closeStore(t, s)
		for n := range 40 {
			bad.Store(n >= 20)
			require.NoError(t, s.Put(ctx, id(n), body(n, 5000), tier.PutOptions{}))
		}
		require.Equal(t, 1, s.Metrics().Tiers[0].DirsDown)
		for n := range 40 {
			requireBlock(t, s, n, 5000)
		}
		bad.Store(false)
		time.Sleep(time.Minute)
		require.Equal(t, 2, s.Metrics().Tiers[0].DirsUp)
	})
}

// TestNothingIsLostSilently evicts to a directory that fails: what is held stays in memory, what is not is told.
func TestNothingIsLostSilently(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		disk, seen, ctx := newFailing(), &dirEvents{}, t.Context()
		s := openWith(t, tier.Options{FS: disk, Events: seen.events()}, memory(mib), ssd(8*mib, "/d"))
		disk.fail(syscall.EIO, false)
		for n := range 50 {
			require.NoError(t, s.Put(ctx, id(n), body(n, 64*kib), tier.PutOptions{Hold: n%5 == 0}))
		}
		for n := 0; n < 50; n += 5 {
			requireBlock(t, s, n, 64*kib)
		}
		synctest.Wait() // one that is on its way out may be counted as there, and told then
		have := 0
		for range s.All() {
			have++
		}
		disk.heal()
		closeStore(t, s)
		m := s.Metrics()
		require.EqualValues(t, m.Tiers[0].Rejected, seen.rejected.Load())
		require.EqualValues(t, 50, have+int(m.Tiers[0].Rejected), "each is there or was told")
	})
}

// slow is a disk whose writes wait for leave.
func slow(leave chan struct{}) (fsys vfs.FS, waits *atomic.Bool) {
	waits = new(atomic.Bool)
	return vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
		if waits.Load() && op.Kind == vfs.OpWrite {
			<-leave
		}
		return nil
	}), waits
}

// TestAdmissionFasterThanTheDisk admits more than memory holds over a disk that stands still: with Try it is refused, else
// it waits as long as its context lets it, and nothing is lost.
func TestAdmissionFasterThanTheDisk(t *testing.T) {
	leave := make(chan struct{})
	fsys, waits := slow(leave)
	seen := &dirEvents{}
	s := openWith(t, tier.Options{FS: fsys, Events: seen.events()}, memory(mib), ssd(8*mib, "/d"))
	waits.Store(true)
	n := 0
	for ; ; n++ {
		if err := s.Put(t.Context(), id(n), body(n, 64*kib), tier.PutOptions{Try: true}); err != nil {
			require.ErrorIs(t, err, tier.ErrBusy)
			break
		}
		require.Less(t, n, 50)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	impatient := errors.New("that is long enough")
	done := make(chan error)
	go func() { done <- s.Put(ctx, id(1000), body(1000, 64*kib), tier.PutOptions{}) }()
	go func() { done <- s.Put(t.Context(), id(n), body(n, 64*kib), tier.PutOptions{}) }()
	cancel(impatient)
	close(leave)
	for range 2 {
		if err := <-done; err != nil {
			require.ErrorIs(t, err, impatient)
		}
	}
	for i := range n + 1 {
		requireBlock(t, s, i, 64*kib)
	}
	require.Zero(t, seen.rejected.Load())
	closeStore(t, s)
}
