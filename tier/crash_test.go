package tier_test

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/internal/vfs/vfstest"
	"github.com/millpond/millpond/tier"
)

var crashPoints = flag.Int("crash.points", racetest.Fewer(60), "operations of the disk, evenly spread, before which the power is lost; 0: all, which takes a minute")

// crashTiers are small, so that a few blocks run through all of them; in roomy ones nothing is evicted.
var (
	crashTiers = []tier.Config{memory(256 * kib), ssd(512*kib, "/ssd"), hdd(3*mib, "/hdd")}
	roomyTiers = []tier.Config{memory(8 * mib), ssd(16*mib, "/ssd"), hdd(16*mib, "/hdd")}
)

const crashBlocks = 40

func crashLength(n int) int { return []int{1000, 64 * kib, 20_000, 4096, 60 * kib}[n%5] }

func openCrash(fsys vfs.FS, tiers []tier.Config) (*tier.Store, error) {
	return tier.Open(context.Background(), tier.Options{BlockSize: 64 * kib, FS: fsys}, tiers...)
}

// crashBlock is block n of a file of four blocks.
func crashBlock(n int) tier.BlockID { return tier.NewBlockID(tier.FileID{byte(n / 4), 9}, uint32(n)) }

// crashMarks are held when they are put, or marked after they were saved.
func crashMarks(n int) (put, hold, pin bool) { return n%4 == 3 && n != 11, n == 11, n == 14 || n == 33 }

// crashWork does everything that changes a store. It acknowledges what may be insisted on afterwards: "saved n", "held n",
// "pinned n", "free n" (not marked any more), "dropped n".
func crashWork(tiers []tier.Config) func(vfs.FS, func(string)) {
	return func(fsys vfs.FS, ack func(string)) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		s, err := openCrash(fsys, tiers)
		if err != nil {
			return
		}
		defer s.Close(ctx)
		for n := range crashBlocks {
			if crashStep(ctx, s, n, ack) != nil {
				return
			}
		}
		if s.Close(ctx) == nil {
			ack("closed")
		}
	}
}

func crashStep(ctx context.Context, s *tier.Store, n int, ack func(string)) error {
	put, hold, pin := crashMarks(n)
	o := tier.PutOptions{Hold: put}
	if n%7 == 5 {
		o.MinKind = tier.SSD
	}
	if err := crashPut(ctx, s, n, o); err != nil {
		return err
	}
	if put || hold || pin || n%9 == 2 {
		if err := s.Save(ctx, crashBlock(n)); err != nil {
			return err
		}
		ack(fmt.Sprint("saved ", n))
	}
	if put {
		ack(fmt.Sprint("held ", n))
	}
	if hold {
		if err := s.Hold(crashBlock(n)); err != nil {
			return err
		}
		ack(fmt.Sprint("held ", n))
	}
	if pin {
		if err := s.Pin(crashBlock(n)); err != nil {
			return err
		}
		ack(fmt.Sprint("pinned ", n))
	}
	switch n {
	case 15:
		ack("free 11")
		s.Unhold(crashBlock(11))
	case 18:
		ack("dropped 2")
		s.Drop(crashBlock(2))
	case 22:
		for k := 16; k < 20; k++ {
			ack(fmt.Sprint("dropped ", k))
		}
		s.DropFile(crashBlock(16).File())
	case 30:
		ack("free 14")
		s.Unpin(crashBlock(14))
		return s.SetQuota(ctx, tier.HDD, "/hdd", 1500*kib)
	}
	return nil
}

// crashPut puts block n, every third by way of a Writer.
func crashPut(ctx context.Context, s *tier.Store, n int, o tier.PutOptions) error {
	if n%3 != 0 {
		return s.Put(ctx, crashBlock(n), body(n, crashLength(n)), o)
	}
	w, err := s.Create(ctx, crashBlock(n), 0, o)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(body(n, crashLength(n))); err != nil {
		return err
	}
	_, err = w.Commit(ctx)
	return err
}

// TestCrash loses the power before each disk operation of a workload and opens again: what was held and saved is there, with
// its bytes and its marks, and nothing else is half there. Where nothing is evicted, all that was saved is there.
func TestCrash(t *testing.T) {
	for name, tiers := range map[string][]tier.Config{"tight": crashTiers, "roomy": roomyTiers} {
		t.Run(name, func(t *testing.T) {
			work := crashWork(tiers)
			requireWhole(t, work, tiers, name == "tight")
			vfstest.CrashEach(t, vfstest.Options{Points: *crashPoints}, work, func(t *testing.T, disk *vfs.Mem, acked []string) {
				s, err := openCrash(disk, tiers)
				require.NoError(t, err)
				defer closeStore(t, s)
				requireCrashed(t, s, acked, name == "roomy")
				for n := range crashBlocks { // and it works
					s.Drop(crashBlock(n))
				}
				require.NoError(t, crashPut(t.Context(), s, 1, tier.PutOptions{Hold: true}))
				require.NoError(t, s.Save(t.Context(), crashBlock(1)))
			})
		})
	}
}

// requireWhole looks whether the workload runs to its end, and through which tiers: all of them in one of some runs, since what is held moves
// on behind it; or never the last one.
func requireWhole(t *testing.T, work func(vfs.FS, func(string)), tiers []tier.Config, all bool) {
	t.Helper()
	for range 10 {
		held := heldAfter(t, work, tiers)
		require.Positive(t, held[tier.SSD])
		if got := held[tier.HDD] > 0; got == all {
			return
		} else if got {
			break
		}
	}
	require.Fail(t, "the workload takes another way", "through all tiers: want %v", all)
}

// heldAfter runs the workload, and says how many held blocks lie where.
func heldAfter(t *testing.T, work func(vfs.FS, func(string)), tiers []tier.Config) map[tier.Kind]int {
	t.Helper()
	var acked []string
	disk := vfs.NewMem()
	work(disk, func(s string) { acked = append(acked, s) })
	require.Contains(t, acked, "closed")
	s, err := openCrash(disk, tiers)
	require.NoError(t, err)
	defer closeStore(t, s)
	held := map[tier.Kind]int{}
	for b := range s.All() {
		if b.Held {
			held[b.Kind]++
		}
	}
	return held
}

func requireCrashed(t *testing.T, s *tier.Store, acked []string, allSaved bool) {
	t.Helper()
	saved, held, pinned := map[int]bool{}, map[int]bool{}, map[int]bool{}
	for _, a := range acked {
		var what string
		var n int
		_, _ = fmt.Sscan(a, &what, &n)
		switch what {
		case "saved":
			saved[n] = true
		case "held":
			held[n] = true
		case "pinned":
			pinned[n] = true
		case "dropped":
			delete(saved, n)
			fallthrough
		case "free":
			delete(held, n)
			delete(pinned, n)
		}
	}
	p := make([]byte, 64*kib)
	for n := range crashBlocks {
		got, _, err := s.ReadAt(t.Context(), crashBlock(n), p, 0, false)
		if held[n] || pinned[n] || allSaved && saved[n] {
			require.NoError(t, err, "block %d", n)
		}
		if err == nil {
			require.Equal(t, body(n, crashLength(n)), p[:got], "block %d", n)
		} else {
			require.ErrorIs(t, err, tier.ErrMiss, "block %d", n)
		}
	}
	marks := map[tier.BlockID]tier.BlockInfo{}
	for b := range s.All() {
		m := marks[b.ID]
		m.Held, m.Pinned = m.Held || b.Held, m.Pinned || b.Pinned
		marks[b.ID] = m
	}
	for n := range held {
		require.True(t, marks[crashBlock(n)].Held, "block %d", n)
	}
	for n := range pinned {
		require.True(t, marks[crashBlock(n)].Pinned, "block %d", n)
	}
}
