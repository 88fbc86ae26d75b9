package tier_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

const kib, mib = 1 << 10, 1 << 20

func id(n int) (b tier.BlockID) {
	binary.LittleEndian.PutUint64(b[:], uint64(n)*0x9E3779B97F4A7C15)
	binary.BigEndian.PutUint32(b[16:], uint32(n))
	return b
}

// body is what block n must hold.
func body(n, length int) []byte {
	p := make([]byte, length)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(p)
	return p
}

func open(t *testing.T, fsys vfs.FS, tiers ...tier.Config) *tier.Store {
	t.Helper()
	s, err := tier.Open(t.Context(), tier.Options{BlockSize: 64 * kib, FS: fsys, Poison: true}, tiers...)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		require.NoError(t, s.Close(ctx))
	})
	return s
}

func memory(size int64) tier.Config { return tier.Config{Kind: tier.Memory, Size: size} }

func ssd(size int64, dirs ...string) tier.Config {
	c := tier.Config{Kind: tier.SSD, Size: size}
	for _, d := range dirs {
		c.Dirs = append(c.Dirs, tier.Dir{Path: d})
	}
	return c
}

func TestPutAndRead(t *testing.T) {
	for name, tiers := range map[string][]tier.Config{
		"memory": {memory(4 * mib)},
		"disk":   {ssd(8*mib, "/d")},
		"both":   {memory(4 * mib), ssd(8*mib, "/d")},
	} {
		t.Run(name, func(t *testing.T) {
			s, ctx := open(t, vfs.NewMem(), tiers...), t.Context()
			for n, length := range []int{1, 63, 4096, 16385, 64 * kib} {
				want := body(n, length)
				require.NoError(t, s.Put(ctx, id(n), want, tier.PutOptions{}))
				require.ErrorIs(t, s.Put(ctx, id(n), want, tier.PutOptions{}), tier.ErrExist)
				got := make([]byte, length+10)
				k, _, err := s.ReadAt(ctx, id(n), got, 0, false)
				require.NoError(t, err)
				require.Equal(t, want, got[:k])
				_, size, ok := s.Has(id(n))
				require.True(t, ok)
				require.EqualValues(t, length, size)
				require.True(t, s.Drop(id(n)))
				_, _, err = s.ReadAt(ctx, id(n), got, 0, false)
				require.ErrorIs(t, err, tier.ErrMiss)
			}
		})
	}
}

func TestViewKeepsItsBytes(t *testing.T) {
	s, ctx := open(t, vfs.NewMem(), memory(mib)), t.Context()
	want := body(1, 64*kib)
	require.NoError(t, s.Put(ctx, id(1), want, tier.PutOptions{}))
	v, err := s.View(ctx, id(1), 0, 64*kib)
	require.NoError(t, err)
	s.Drop(id(1))
	for n := 2; n < 200; n++ {
		require.NoError(t, s.Put(ctx, id(n), body(n, 64*kib), tier.PutOptions{}))
	}
	lent := v.Bytes()
	require.Equal(t, want[:len(lent)], lent)
	v.Release()
	require.NotEqual(t, want[:len(lent)], lent, "a View that is used after its Release fails loudly")
	v.Release()
}

func TestHeldIsSaidWhereverTheBlockIs(t *testing.T) {
	s, ctx := open(t, vfs.NewMem(), memory(mib), ssd(4*mib, "/ssd")), t.Context()
	for n, kind := range []tier.Kind{tier.Memory, tier.SSD} {
		require.NoError(t, s.Put(ctx, id(n), body(n, 1000), tier.PutOptions{MinKind: kind, Pin: true}))
		require.False(t, s.Held(id(n)), "pinned in %v", kind)
		require.NoError(t, s.Hold(id(n)))
		require.True(t, s.Held(id(n)), kind)
		s.Unhold(id(n))
		require.False(t, s.Held(id(n)), kind)
	}
	require.False(t, s.Held(id(2)), "it is not there")
}

func TestHeldBlocksStay(t *testing.T) {
	s, ctx := open(t, vfs.NewMem(), memory(mib)), t.Context()
	n := 0
	for ; ; n++ {
		if err := s.Put(ctx, id(n), body(n, 64*kib), tier.PutOptions{Hold: true}); err != nil {
			require.ErrorIs(t, err, tier.ErrNoSpace)
			break
		}
	}
	require.Greater(t, n, 10)
	s.Unhold(id(3))
	require.NoError(t, s.Put(ctx, id(1000), body(1000, 64*kib), tier.PutOptions{}))
	_, _, ok := s.Has(id(3))
	require.False(t, ok, "the one that was let go made room")
}

func TestBlocksSurviveAndPromote(t *testing.T) {
	disk, ctx := vfs.NewMem(), t.Context()
	tiers := []tier.Config{memory(mib), ssd(16*mib, "/d")}
	s, err := tier.Open(ctx, tier.Options{BlockSize: 64 * kib, FS: disk}, tiers...)
	require.NoError(t, err)
	for n := range 60 { // four times what memory holds
		require.NoError(t, s.Put(ctx, id(n), body(n, 64*kib), tier.PutOptions{Pin: n == 7}))
	}
	require.NoError(t, s.Save(ctx, id(59)))
	require.NoError(t, s.Close(ctx))
	s = open(t, disk, tiers...)
	for n := range 60 {
		v, err := s.View(ctx, id(n), 0, 100)
		require.NoError(t, err, "block %d", n)
		require.True(t, bytes.HasPrefix(body(n, 64*kib), v.Bytes()))
		v.Release()
	}
	pinned := 0
	for b := range s.All() {
		if b.Pinned {
			pinned++
			require.Equal(t, id(7), b.ID)
		}
	}
	require.Positive(t, pinned)
}

// TestConcurrent reads, lends, admits, evicts and drops at once; each block's bytes follow from its name, so that a wrong
// one is seen.
func TestConcurrent(t *testing.T) {
	s, ctx := open(t, vfs.NewMem(), memory(mib), ssd(4*mib, "/d")), t.Context()
	const blocks, rounds = 80, 400
	want := make([][]byte, blocks)
	for n := range want {
		want[n] = body(n, 100+n*800)
	}
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for g := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 1))
			p := make([]byte, 64*kib)
			for range rounds {
				if err := oneCall(ctx, s, rng, want, p); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
}

var errWrong = errors.New("wrong bytes")

func oneCall(ctx context.Context, s *tier.Store, rng *rand.Rand, want [][]byte, p []byte) error {
	n := rng.IntN(len(want))
	off := rng.IntN(len(want[n]))
	switch k := rng.IntN(10); {
	case k < 3:
		err := s.Put(ctx, id(n), want[n], tier.PutOptions{})
		if errors.Is(err, tier.ErrExist) {
			err = nil
		}
		return err
	case k < 6:
		got, _, err := s.ReadAt(ctx, id(n), p, int64(off), k == 3)
		if err == nil && !bytes.Equal(p[:got], want[n][off:]) {
			err = errWrong
		}
		return missIsFine(err)
	case k < 8:
		if b := s.Get(id(n)); b != nil {
			if got, ok := b.ReadAt(p, int64(off)); ok && !bytes.Equal(p[:got], want[n][off:]) {
				return errWrong
			}
		}
		return nil
	case k < 9:
		v, err := s.View(ctx, id(n), int64(off), 500)
		if err == nil {
			if !bytes.HasPrefix(want[n][off:], v.Bytes()) {
				err = errWrong
			}
			v.Release()
		}
		return missIsFine(err)
	}
	s.Drop(id(n))
	return nil
}

func missIsFine(err error) error {
	if errors.Is(err, tier.ErrMiss) {
		return nil
	}
	return err
}

// TestChurn admits ten times the capacity in log-normal sizes and looks now and then how much of the arena is live bytes.
func TestChurn(t *testing.T) {
	const size = 64 * mib
	s, err := tier.Open(t.Context(), tier.Options{}, memory(size))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(context.Background())) }()
	rng := rand.New(rand.NewPCG(3, 4))
	p := make([]byte, 4*mib)
	total, look, least := int64(0), int64(2*size), 1.0
	for n := 0; total < 10*size; n++ {
		length := int(math.Exp(rng.NormFloat64()*2 + math.Log(64*kib)))
		length = min(max(length, 100), len(p))
		require.NoError(t, s.Put(t.Context(), id(n), p[:length], tier.PutOptions{}))
		if total += int64(length); total >= look {
			look += size / 4
			least = min(least, float64(liveBytes(s))/size)
		}
	}
	t.Logf("live bytes are at least %.3f of the arena", least)
	require.GreaterOrEqual(t, least, 0.85)
}

func liveBytes(s *tier.Store) (n int64) {
	for b := range s.All() {
		n += b.Len
	}
	return n
}

func TestConfigSaysAllThatIsWrong(t *testing.T) {
	_, err := tier.Open(t.Context(), tier.Options{FS: vfs.NewMem()},
		memory(kib), memory(1<<60), tier.Config{Kind: tier.HDD}, ssd(mib, "/a", "/a"), tier.Config{Kind: 9})
	require.ErrorIs(t, err, fs.ErrInvalid)
	for _, want := range []string{"at least one block", "one tier of a kind", "at least one directory", "directories that differ", "memory, ssd or hdd"} {
		require.ErrorContains(t, err, want)
	}
	if tier.MachineMemory() > 0 {
		require.ErrorContains(t, err, "machine or its cgroup")
	}
	_, err = tier.Open(t.Context(), tier.Options{})
	require.ErrorContains(t, err, "no tier")
}

func TestSecondStoreIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ssd")
	open(t, vfs.OS, ssd(8*mib, dir))
	_, err := tier.Open(t.Context(), tier.Options{BlockSize: 64 * kib}, ssd(8*mib, dir))
	var held *vfs.LockedError
	require.ErrorAs(t, err, &held)
	require.Equal(t, os.Getpid(), held.PID)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.EqualValues(t, 0o700, info.Mode().Perm())
}

func TestSmallerQuotaEvicts(t *testing.T) {
	s, ctx := open(t, vfs.NewMem(), ssd(8*mib, "/d")), t.Context()
	for n := range 100 {
		require.NoError(t, s.Put(ctx, id(n), body(n, 64*kib), tier.PutOptions{}))
	}
	before := s.Metrics().Tiers[0].Blocks
	require.NoError(t, s.SetQuota(ctx, tier.SSD, "/d", 2*mib))
	after := s.Metrics().Tiers[0]
	require.Less(t, after.Blocks, before/2)
	require.LessOrEqual(t, after.Used, after.Capacity)
}

func TestCloseNamesAViewThatLeaks(t *testing.T) {
	ctx := t.Context()
	s, err := tier.Open(ctx, tier.Options{BlockSize: 64 * kib}, memory(mib))
	require.NoError(t, err)
	require.NoError(t, s.Put(ctx, id(1), body(1, 100), tier.PutOptions{}))
	v, err := s.View(ctx, id(1), 0, 100)
	require.NoError(t, err)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorContains(t, s.Close(gone), "1 blocks are still lent")
	require.Equal(t, body(1, 100), v.Bytes(), "its memory stays")
	v.Release()
}

// TestHoldMeansKept holds blocks while others push them out: what Hold returned nil for is there.
func TestHoldMeansKept(t *testing.T) {
	s, ctx := open(t, vfs.NewMem(), memory(mib)), t.Context()
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for n := 10_000; ; n++ {
			select {
			case <-stop:
				return
			default:
				_ = s.Put(ctx, id(n), make([]byte, 16*kib), tier.PutOptions{})
			}
		}
	})
	for n := range 3000 {
		require.NoError(t, s.Put(ctx, id(n), body(n, 1000), tier.PutOptions{}))
		if s.Hold(id(n)) != nil {
			continue // it had left already
		}
		_, _, ok := s.Has(id(n))
		require.True(t, ok, "block %d was held and is gone", n)
		s.Drop(id(n))
	}
	close(stop)
	wg.Wait()
}

// TestTruncate writes the end of a block anew, in memory and on its way to a disk.
func TestTruncate(t *testing.T) {
	for name, c := range map[string]tier.Config{"memory": memory(mib), "disk": ssd(8*mib, "/d")} {
		t.Run(name, func(t *testing.T) {
			s, ctx := open(t, vfs.NewMem(), c), t.Context()
			first, second := body(1, 100*kib), body(2, 60*kib)
			w, err := s.Create(ctx, id(1), 0, tier.PutOptions{})
			require.NoError(t, err)
			_, err = w.Write(first)
			require.NoError(t, err)
			w.Truncate(40 * kib)
			require.EqualValues(t, 40*kib, w.Len())
			_, err = w.Write(second)
			require.NoError(t, err)
			_, err = w.Commit(ctx)
			require.NoError(t, err)
			got := make([]byte, 100*kib)
			_, _, err = s.ReadAt(ctx, id(1), got, 0, false)
			require.NoError(t, err)
			require.Equal(t, append(first[:40*kib:40*kib], second...), got)
		})
	}
}

// TestWritersWaitForEachOther puts more at once than the tier holds: nothing is held, so all must succeed.
func TestWritersWaitForEachOther(t *testing.T) {
	s, ctx := open(t, vfs.NewMem(), memory(mib)), t.Context()
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for g := range errs {
		wg.Go(func() {
			p := make([]byte, 256*kib)
			for n := range 100 {
				errs[g] = errors.Join(errs[g], s.Put(ctx, id(g*1000+n), p, tier.PutOptions{}))
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
}

// TestPutOfWhatADiskHas: a block that lies in a lower tier is there, whatever way Put takes.
func TestPutOfWhatADiskHas(t *testing.T) {
	s, err := tier.Open(t.Context(), tier.Options{BlockSize: 64 << 10}, tier.Config{Kind: tier.Memory, Size: 1 << 20},
		tier.Config{Kind: tier.SSD, Dirs: []tier.Dir{{Path: t.TempDir(), Quota: 1 << 20}}})
	require.NoError(t, err)
	defer s.Close(t.Context())
	id := tier.NewBlockID(tier.FileID{1}, 0)
	require.NoError(t, s.Put(t.Context(), id, []byte("low"), tier.PutOptions{MinKind: tier.SSD}))
	require.ErrorIs(t, s.Put(t.Context(), id, []byte("low"), tier.PutOptions{}), tier.ErrExist)
	require.NoError(t, s.Close(t.Context()))
	require.ErrorIs(t, s.Put(t.Context(), tier.NewBlockID(tier.FileID{2}, 0), []byte("late"), tier.PutOptions{}), tier.ErrClosed)
}
