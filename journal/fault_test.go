package journal_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal"
)

// faults is the system's disk with a hook before each operation that changes it.
type faults struct {
	vfs.FS
	mu   sync.Mutex
	n    int
	hook func(n int, op string) error
}

func newFaults(hook func(n int, op string) error) *faults { return &faults{FS: vfs.OS, hook: hook} }

func (f *faults) do(op string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	return f.hook(f.n, op)
}

func (f *faults) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	if flag&os.O_CREATE != 0 {
		if err := f.do("create"); err != nil {
			return nil, err
		}
	}
	file, err := f.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultFile{file, f}, nil
}

func (f *faults) Remove(name string) error {
	return errors.Join(f.do("remove"), f.FS.Remove(name))
}

func (f *faults) Rename(from, to string) error {
	if err := f.do("rename"); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

func (f *faults) SyncDir(name string) error {
	if err := f.do("syncdir"); err != nil {
		return err
	}
	return f.FS.SyncDir(name)
}

type faultFile struct {
	vfs.File
	fs *faults
}

func (f *faultFile) Write(p []byte) (int, error) {
	if err := f.fs.do("write"); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *faultFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.do("write"); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], off)
		return n, err
	}
	return f.File.WriteAt(p, off)
}

func (f *faultFile) Sync() error {
	if err := f.fs.do("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultFile) Truncate(n int64) error {
	if err := f.fs.do("truncate"); err != nil {
		return err
	}
	return f.File.Truncate(n)
}

// work proposes "add k" so many times, each as an operation of one session, with checkpoints between, and returns how
// many were acknowledged. It goes on after errors.
func work(t *testing.T, cfg journal.Config, n int) (acked int, failures []error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	j, err := journal.Open(ctx, cfg, newRegister())
	if err != nil {
		return 0, []error{err}
	}
	for i := range n {
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		if _, _, err := j.Propose(short, journal.OpID{}, []byte("add k")); err != nil {
			failures = append(failures, err)
		} else {
			acked++
		}
		if i%5 == 4 {
			if err := j.Checkpoint(short); err != nil {
				failures = append(failures, err)
			}
		}
		cancel()
		if _, dead := errors.AsType[*journal.StoppedError](err); dead {
			break
		}
	}
	if err := j.Close(ctx); err != nil {
		failures = append(failures, err)
	}
	require.NoError(t, ctx.Err(), "the node hung")
	return acked, failures
}

func small(dir string, fsys vfs.FS) journal.Config {
	return journal.Config{Dir: dir, FS: fsys, SegmentSize: 512, CheckpointEvery: 1 << 40}
}

// operations is how many times work of n changes touches the disk.
func operations(t *testing.T, n int) int {
	t.Helper()
	f := newFaults(func(int, string) error { return nil })
	acked, failures := work(t, small(t.TempDir(), f), n)
	require.Equal(t, n, acked)
	require.Empty(t, failures)
	return f.n
}

// checkAfter opens what is left on a good disk.
func checkAfter(t *testing.T, dir string, acked, most, at int) {
	t.Helper()
	f := newFaults(func(int, string) error { return nil })
	j, r := open(t, small(dir, f))
	got := r.get("k")
	require.GreaterOrEqual(t, got, acked, "operation %d: an acknowledged change is lost", at)
	require.LessOrEqual(t, got, most, "operation %d: a change came twice", at)
	add(t, j, "k")
	require.NoError(t, j.Close(t.Context()))
}

func TestOneFailedOperationLosesNothing(t *testing.T) {
	const n = 8
	total := operations(t, n)
	for at := 1; at <= total; at++ {
		for _, fault := range []error{syscall.ENOSPC, syscall.EIO} {
			dir := t.TempDir()
			hit := false
			f := newFaults(func(i int, op string) error {
				if i == at {
					hit = true
					return &fs.PathError{Op: op, Path: filepath.Join(dir, "x"), Err: fault}
				}
				return nil
			})
			acked, failures := work(t, small(dir, f), n)
			require.True(t, hit)
			for _, err := range failures {
				if errors.Is(err, fault) || errors.Is(err, journal.ErrNoPrimary) {
					continue
				}
				require.ErrorContains(t, err, fault.Error(), "operation %d", at)
			}
			checkAfter(t, dir, acked, n, at)
		}
	}
}

// TestKilledAtEachOperation lets no operation through from one on, as if the process had been killed there.
func TestKilledAtEachOperation(t *testing.T) {
	const n = 8
	total := operations(t, n)
	for at := 1; at <= total; at++ {
		dir := t.TempDir()
		dead := errors.New("killed")
		f := newFaults(func(i int, _ string) error {
			if i >= at {
				return dead
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		acked := 0
		if j, err := journal.Open(ctx, small(dir, f), newRegister()); err == nil {
			for i := range n {
				if _, _, err := j.Propose(ctx, journal.OpID{}, []byte("add k")); err != nil {
					break
				}
				acked++
				if i%5 == 4 && j.Checkpoint(ctx) != nil {
					break
				}
			}
			_ = j.Close(context.Background())
		}
		cancel()
		checkAfter(t, dir, acked, n, at)
	}
}

// TestBrokenLogLeavesTheOutcomeUnknown: what a sync that failed has left in the log shows when that is opened again, and the caller is told so.
func TestBrokenLogLeavesTheOutcomeUnknown(t *testing.T) {
	broken := false
	f := newFaults(func(_ int, op string) error {
		if broken && op == "sync" {
			return syscall.EIO
		}
		return nil
	})
	cfg := small(t.TempDir(), f)
	j, err := journal.Open(t.Context(), cfg, newRegister())
	require.NoError(t, err)
	add(t, j, "k")
	broken = true
	_, _, err = j.Propose(t.Context(), journal.OpID{}, []byte("add k"))
	require.ErrorIs(t, err, journal.ErrUnknownOutcome)
	require.ErrorIs(t, err, syscall.EIO)
	_, _, err = j.Propose(t.Context(), journal.OpID{}, []byte("add k"))
	_, stopped := errors.AsType[*journal.StoppedError](err)
	require.True(t, stopped, "%v", err)
	require.NotErrorIs(t, err, journal.ErrUnknownOutcome, "nothing was begun")
	_ = j.Close(t.Context())
	broken = false
	j, r := open(t, cfg)
	require.Equal(t, 2, r.get("k"), "here it has happened")
	require.NoError(t, j.Close(t.Context()))
}

func TestFullDiskRecovers(t *testing.T) {
	full := false
	var mu sync.Mutex
	f := newFaults(func(_ int, op string) error {
		mu.Lock()
		defer mu.Unlock()
		if full && op == "write" {
			return syscall.ENOSPC
		}
		return nil
	})
	set := func(v bool) { mu.Lock(); full = v; mu.Unlock() }
	cfg := small(t.TempDir(), f)
	told := make(chan error, 10)
	cfg.Events.Unwritable = func(err error) { told <- err }
	j, r := open(t, cfg)
	add(t, j, "k")
	require.Empty(t, told)
	set(true)
	_, _, err := j.Propose(t.Context(), journal.OpID{}, []byte("add k"))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NotErrorIs(t, err, journal.ErrUnknownOutcome, "it was taken back")
	require.ErrorIs(t, <-told, syscall.ENOSPC)
	require.Empty(t, told, "once, however often it is tried")
	set(false)
	require.Eventually(t, func() bool {
		_, _, err := j.Propose(t.Context(), journal.OpID{}, []byte("add k"))
		return err == nil || !errors.Is(err, syscall.ENOSPC)
	}, 10*time.Second, time.Millisecond)
	require.GreaterOrEqual(t, r.get("k"), 2)
	require.NoError(t, <-told, "it is told that it works again")
}
