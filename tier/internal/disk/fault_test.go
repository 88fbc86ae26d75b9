package disk_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier/internal/disk"
)

// TestFailingOperations makes each operation of a workload fail once. Errors name the directory, blocks read right or are
// missing, and what was acknowledged survives a crash at the end.
func TestFailingOperations(t *testing.T) {
	const rounds = 90
	count := func(hook func(vfs.Op) error) (int64, *vfs.Mem, []string) {
		mem := vfs.NewMem()
		fsys := vfs.NewFaulty(mem, hook)
		var acked []string
		crashWork(rounds)(fsys, func(s string) { acked = append(acked, s) })
		return fsys.Count(), mem, acked
	}
	total, _, _ := count(func(vfs.Op) error { return nil })
	step := max(1, total/40)
	for _, failure := range []error{syscall.EIO, syscall.ENOSPC, vfs.ErrShort, vfs.ErrFlip} {
		for at := int64(0); at < total; at += step {
			var failed vfs.Op
			_, mem, acked := count(func(op vfs.Op) error {
				if op.Index == at {
					failed = op
				}
				if op.Index == at && (errors.Is(failure, syscall.EIO) || errors.Is(failure, syscall.ENOSPC) || op.Kind == vfs.OpWrite || op.Kind == vfs.OpRead) {
					return failure
				}
				return nil
			})
			t.Run(fmt.Sprintf("%v/%v-%d", failure, failed.Kind, at), func(t *testing.T) {
				verifyCrash(rounds)(t, mem.CrashKeepingNothing(), acked)
			})
		}
	}
}

// TestDirectoryFails has every write fail for a while: callers are told, reads go on, and it works again by itself.
func TestDirectoryFails(t *testing.T) {
	for _, failure := range []error{syscall.EIO, syscall.ENOSPC, syscall.EROFS} {
		t.Run(failure.Error(), func(t *testing.T) {
			var failing atomic.Bool
			fsys := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
				if failing.Load() && op.Kind.Mutates() {
					return failure
				}
				return nil
			})
			d := open(t, fsys, "/d", disk.Options{})
			for i := range 20 {
				put(t, d, blockID(i, 0), 5000)
			}
			failing.Store(true)
			id := blockID(99, 0)
			_, err := d.Put(id, [][]byte{content(id, 5000)}, 0)
			require.ErrorIs(t, err, disk.ErrDirFailed)
			require.ErrorIs(t, err, failure)
			_, _, _, ok := d.Lookup(id)
			require.False(t, ok)
			require.ErrorIs(t, d.Sync(blockID(1, 0)), failure)
			require.ErrorIs(t, d.SetFlags(blockID(2, 0), disk.Held), disk.ErrDirFailed)
			for i := range 20 {
				requireBlock(t, d, blockID(i, 0), 5000)
			}
			require.True(t, d.Delete(blockID(3, 0)))
			failing.Store(false)
			var all []disk.ID
			for i := range 20 {
				if i != 3 {
					all = append(all, blockID(i, 0))
				}
			}
			require.NoError(t, d.Sync(all...), "it works again by itself")
			put(t, d, id, 5000)
			require.NoError(t, d.Close())
			d = open(t, fsys, "/d", disk.Options{})
			for _, id := range append(all, id) {
				requireBlock(t, d, id, 5000)
			}
		})
	}
}

// TestNoSpaceOnDisk fills a disk that is smaller than the quota.
func TestNoSpaceOnDisk(t *testing.T) {
	mem := vfs.NewMem()
	mem.SetLimit(2 << 20)
	d := open(t, mem, "/d", disk.Options{})
	n := 0
	var err error
	for ; err == nil; n++ {
		_, err = d.Put(blockID(n, 0), [][]byte{content(blockID(n, 0), 40_000)}, 0)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorIs(t, err, disk.ErrDirFailed)
	require.Greater(t, n, 30)
	for i := range n - 1 {
		requireBlock(t, d, blockID(i, 0), 40_000)
	}
}

// damage flips one bit at off of a file.
func damage(t *testing.T, name string, off int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	b := make([]byte, 1)
	_, err = f.ReadAt(b, off)
	require.NoError(t, err)
	b[0] ^= 4
	_, err = f.WriteAt(b, off)
	require.NoError(t, err)
}

func segmentFiles(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "data", "*", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return names
}

// TestFlippedBits damages one piece of a large block, its table, and a small block.
func TestFlippedBits(t *testing.T) {
	const n = 200_000
	for what, off := range map[string]int64{"third piece": 150_000, "table": n + 9} {
		t.Run(what, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "d")
			d := open(t, vfs.OS, dir, disk.Options{})
			put(t, d, blockID(1, 0), n)
			require.NoError(t, d.Close())
			damage(t, segmentFiles(t, dir)[0], off)

			r, err := disk.Check(context.Background(), vfs.OS, dir)
			require.NoError(t, err)
			require.False(t, r.OK())
			require.Equal(t, []disk.ID{blockID(1, 0)}, r.Corrupt)

			var dropped []disk.Reason
			d = open(t, vfs.OS, dir, disk.Options{OnDrop: func(id disk.ID, _ uint32, why disk.Reason) {
				require.Equal(t, blockID(1, 0), id)
				dropped = append(dropped, why)
			}})
			p := make([]byte, 4096)
			if what == "third piece" { // what is not damaged is read
				got, err := d.ReadAt(blockID(1, 0), p, 70_000)
				require.NoError(t, err)
				require.Equal(t, content(blockID(1, 0), n)[70_000:74_096], p[:got])
			}
			_, err = d.ReadAt(blockID(1, 0), p, 140_000)
			require.ErrorIs(t, err, disk.ErrCorrupt)
			_, err = d.ReadAt(blockID(1, 0), p, 0)
			require.ErrorIs(t, err, disk.ErrMiss)
			require.EqualValues(t, 1, d.Metrics().Corrupt)
			require.Zero(t, d.Used())
			require.NoError(t, d.Close())
			require.Equal(t, []disk.Reason{disk.Corrupt}, dropped)
		})
	}
}

// TestVerifyAfterRead finds what was damaged after it was read.
func TestVerifyAfterRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	d := open(t, vfs.OS, dir, disk.Options{})
	put(t, d, blockID(1, 0), 1000)
	requireBlock(t, d, blockID(1, 0), 1000)
	require.NoError(t, d.Verify(blockID(1, 0)))
	damage(t, segmentFiles(t, dir)[0], 500)
	require.ErrorIs(t, d.Verify(blockID(1, 0)), disk.ErrCorrupt)
	require.ErrorIs(t, d.Verify(blockID(1, 0)), disk.ErrMiss)
}

// TestDamagedIndex flips a bit in each record of the log in turn: that block alone is forgotten.
func TestDamagedIndex(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	d := open(t, vfs.OS, dir, disk.Options{})
	for i := range 5 {
		put(t, d, blockID(i, 0), 1000)
	}
	require.NoError(t, d.Close())
	for i := range 5 {
		copied := filepath.Join(t.TempDir(), "d")
		require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
		damage(t, filepath.Join(copied, "log-0000000000000001"), int64(48+48*i+20+i))
		d := open(t, vfs.OS, copied, disk.Options{})
		for k := range 5 {
			if k == i {
				_, err := d.ReadAt(blockID(k, 0), make([]byte, 1), 0)
				require.ErrorIs(t, err, disk.ErrMiss)
			} else {
				requireBlock(t, d, blockID(k, 0), 1000)
			}
		}
		require.EqualValues(t, 1, d.Metrics().BadRecords)
		require.NoError(t, d.Close())
	}
}

// TestRefused opens what must be refused, and leaves it as it is.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, vfs.OS, filepath.Join(dir, "used"), disk.Options{})
	_, err := disk.Open(vfs.OS, filepath.Join(dir, "used"), disk.Options{Quota: 1 << 30})
	locked, ok := errors.AsType[*vfs.LockedError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, os.Getpid(), locked.PID)

	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	future := write("future/FORMAT", "millpond disk tier\nformat 3\n")
	past := write("past/FORMAT", "millpond disk tier\nformat 1\n")
	foreign := write("foreign/thesis.doc", "ten years of work")
	for name, do := range map[string]string{
		future: "; go back to the version that wrote it, or empty the directory", past: "; go back to the version that wrote it, or empty the directory",
		foreign: "; choose an empty directory",
	} {
		_, err := disk.Open(vfs.OS, filepath.Dir(name), disk.Options{Quota: 1 << 30})
		require.ErrorIs(t, err, disk.ErrFormat)
		require.ErrorContains(t, err, filepath.Base(name))
		require.ErrorContains(t, err, do)
		require.FileExists(t, name)
		entries, err := os.ReadDir(filepath.Dir(name))
		require.NoError(t, err)
		require.Len(t, entries, 1, "nothing was added")
	}
	_, err = disk.Open(vfs.OS, filepath.Join(dir, "small"), disk.Options{Quota: 1000})
	require.ErrorContains(t, err, fmt.Sprint(disk.MinQuota))
	require.NoDirExists(t, filepath.Join(dir, "small"))
}

// TestConcurrent reads, puts, deletes, holds and syncs from many goroutines over a full quota: no read returns another
// block's bytes.
func TestConcurrent(t *testing.T) {
	d := open(t, vfs.OS, filepath.Join(t.TempDir(), "d"), disk.Options{Quota: 4 << 20})
	const ids = 600
	length := func(i int) int { return 300 + i*37%12_000 + i%7/6*100_000 }
	want := make([][]byte, ids)
	for i := range want {
		want[i] = content(blockID(i/8, i%8), length(i))
	}
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 1))
			p := make([]byte, 120_000)
			for range 1500 {
				i := rng.IntN(ids)
				id := blockID(i/8, i%8)
				switch rng.IntN(10) {
				case 0, 1, 2:
					_, err := d.Put(id, [][]byte{want[i]}, 0)
					if errors.Is(err, disk.ErrFull) {
						for range 20 {
							k := rng.IntN(ids)
							d.Delete(blockID(k/8, k%8))
						}
					} else if err != nil && !errors.Is(err, disk.ErrExist) {
						t.Errorf("put: %v", err)
					}
				case 3:
					d.Delete(id)
				case 4:
					if rng.IntN(20) == 0 {
						_ = d.SetFlags(id, disk.Held)
						d.DeleteFile([16]byte(id[:16]))
					}
				default:
					off := rng.IntN(length(i))
					n, err := d.ReadAt(id, p, int64(off))
					if err != nil && !errors.Is(err, disk.ErrMiss) {
						t.Errorf("read: %v", err)
					}
					if err == nil && !slices.Equal(p[:n], want[i][off:]) {
						t.Errorf("block %d at %d: other bytes", i, off)
					}
				}
			}
		})
	}
	wg.Wait()
	have := maps.Collect(func(yield func(disk.ID, int64) bool) {
		for info := range d.All() {
			if !yield(info.ID, info.Length) {
				return
			}
		}
	})
	require.Len(t, have, d.Blocks())
	require.Zero(t, d.Metrics().Corrupt)
	require.LessOrEqual(t, d.DiskBytes(), int64(4<<20))
	for i := range ids {
		if n, ok := have[blockID(i/8, i%8)]; ok {
			require.EqualValues(t, length(i), n)
			requireBlock(t, d, blockID(i/8, i%8), length(i))
		}
	}
	for f := range ids / 8 {
		id := blockID(f, 0)
		n := d.DeleteFile([16]byte(id[:16]))
		require.LessOrEqual(t, n, 8)
	}
	require.Zero(t, d.Blocks())
	require.Zero(t, d.Used())
	require.Zero(t, d.Metrics().Bytes)
}

// TestFlagsThatOthersSet: who sets what another has just set returns when that is durable, as the other does.
func TestFlagsThatOthersSet(t *testing.T) {
	syncs, gate := make(chan struct{}, 10), make(chan struct{})
	var held atomic.Bool
	d := open(t, vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
		if op.Kind == vfs.OpSync && held.Load() {
			syncs <- struct{}{}
			<-gate
		}
		return nil
	}), "/d", disk.Options{})
	id := blockID(1, 0)
	put(t, d, id, 1000)
	held.Store(true)
	done := make(chan error, 2)
	hold := func() { done <- d.ChangeFlags(id, disk.Held, 0) }
	go hold()
	<-syncs // the first has set it, and waits for the disk
	go hold()
	select {
	case err := <-done:
		t.Error("it did not wait for the disk")
		done <- err
	case <-time.After(100 * time.Millisecond):
	}
	require.NoError(t, d.ChangeFlags(id, 0, disk.Pinned), "what clears nothing waits for nobody")
	held.Store(false)
	close(gate)
	require.NoError(t, <-done)
	require.NoError(t, <-done)
}
