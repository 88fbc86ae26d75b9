package vfs_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
)

func write(t *testing.T, fsys vfs.FS, name, data string, sync bool) {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.Write([]byte(data))
	require.NoError(t, err)
	if sync {
		require.NoError(t, f.Sync())
	}
	require.NoError(t, f.Close())
}

func read(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	p, err := vfs.ReadFile(fsys, name)
	require.NoError(t, err)
	return string(p)
}

// both runs a test on the operating system's disk and on the one in memory: they must not differ.
func both(t *testing.T, f func(t *testing.T, fsys vfs.FS, dir string)) {
	t.Run("os", func(t *testing.T) { f(t, vfs.OS, t.TempDir()) })
	t.Run("mem", func(t *testing.T) { f(t, vfs.NewMem(), "/") })
}

func TestFiles(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		at := func(name string) string { return filepath.Join(dir, name) }
		require.NoError(t, fsys.MkdirAll(at("a/b"), 0o700))
		write(t, fsys, at("a/b/f"), "hello", false)
		require.Equal(t, "hello", read(t, fsys, at("a/b/f")))
		_, err := fsys.OpenFile(at("a/none"), os.O_RDONLY, 0)
		require.ErrorIs(t, err, os.ErrNotExist)
		_, err = fsys.OpenFile(at("a/b/f"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		require.ErrorIs(t, err, os.ErrExist)
		require.ErrorIs(t, fsys.Remove(at("a")), syscall.ENOTEMPTY)
		require.NoError(t, fsys.Rename(at("a/b/f"), at("a/g")))
		list, err := fsys.ReadDir(at("a"))
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.Equal(t, "b", list[0].Name())
		require.True(t, list[0].IsDir())
		require.Equal(t, "g", list[1].Name())
		info, err := fsys.Stat(at("a/g"))
		require.NoError(t, err)
		require.EqualValues(t, 5, info.Size())
		require.EqualValues(t, 0o600, info.Mode().Perm())
		require.NoError(t, fsys.RemoveAll(at("a")))
		_, err = fsys.Stat(at("a"))
		require.ErrorIs(t, err, os.ErrNotExist)
	})
}

func TestWriteAtTruncateAndHoles(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		f, err := fsys.OpenFile(filepath.Join(dir, "f"), os.O_CREATE|os.O_RDWR, 0o600)
		require.NoError(t, err)
		defer f.Close()
		model := make([]byte, 300<<10)
		rng := rand.New(rand.NewPCG(1, 2))
		for range 200 {
			off, n := rng.IntN(250<<10), 1+rng.IntN(40<<10)
			p := bytes.Repeat([]byte{byte(rng.IntN(256))}, n)
			copy(model[off:off+n], p)
			_, err := f.WriteAt(p, int64(off))
			require.NoError(t, err)
		}
		size := func() int {
			info, err := f.Stat()
			require.NoError(t, err)
			return int(info.Size())
		}
		got := make([]byte, size())
		_, err = f.ReadAt(got, 0)
		require.NoError(t, err)
		require.Equal(t, model[:len(got)], got)
		require.NoError(t, f.PunchHole(8<<10, 64<<10))
		clear(model[8<<10 : 72<<10])
		require.NoError(t, f.Truncate(100<<10))
		require.NoError(t, f.Truncate(120<<10))
		clear(model[100<<10:])
		got = make([]byte, 120<<10)
		_, err = f.ReadAt(got, 0)
		require.NoError(t, err)
		require.Equal(t, model[:120<<10], got)
	})
}

func TestLockNamesTheHolder(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		l, err := fsys.Lock(filepath.Join(dir, "LOCK"))
		require.NoError(t, err)
		_, err = fsys.Lock(filepath.Join(dir, "LOCK"))
		var held *vfs.LockedError
		require.ErrorAs(t, err, &held)
		require.Equal(t, os.Getpid(), held.PID)
		require.NoError(t, l.Close())
		l, err = fsys.Lock(filepath.Join(dir, "LOCK"))
		require.NoError(t, err)
		require.NoError(t, l.Close())
	})
}

func TestCrashLosesWhatWasNotSynced(t *testing.T) {
	m := vfs.NewMem()
	require.NoError(t, m.MkdirAll("/d", 0o700))
	require.NoError(t, m.SyncDir("/"))
	write(t, m, "/d/synced", "kept", true)
	require.NoError(t, m.SyncDir("/d"))
	write(t, m, "/d/name-only", "gone", false)
	require.NoError(t, m.SyncDir("/d"))
	write(t, m, "/d/data-only", "gone", true)

	c := m.CrashKeepingNothing()
	require.Equal(t, "kept", read(t, c, "/d/synced"))
	require.Equal(t, "", read(t, c, "/d/name-only"))
	_, err := c.Stat("/d/data-only")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, "gone", read(t, m, "/d/data-only"), "the old disk stays as it was")
}

func TestCrashTearsAndReorders(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(200) {
		m := vfs.NewMem()
		f, err := m.OpenFile("/f", os.O_CREATE|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		require.NoError(t, f.Sync())
		require.NoError(t, m.SyncDir("/"))
		for i := range 3 {
			_, err := f.Write(bytes.Repeat([]byte{byte('1' + i)}, 512))
			require.NoError(t, err)
		}
		got := read(t, m.Crash(rand.New(rand.NewPCG(seed, 0))), "/f")
		var key strings.Builder
		for i := 0; i < len(got); i += 512 {
			key.WriteString(fmt.Sprintf("%q", got[i]))
		}
		seen[key.String()] = true
	}
	require.Len(t, seen, 8, "each subset of three sectors survives sometimes: %v", seen)
}

func TestCrashKeepsRenamesWhole(t *testing.T) {
	fates := map[string]int{}
	for seed := range uint64(100) {
		m := vfs.NewMem()
		require.NoError(t, m.MkdirAll("/a", 0o700))
		require.NoError(t, m.MkdirAll("/b", 0o700))
		write(t, m, "/a/f", "data", true)
		for _, d := range []string{"/", "/a", "/b"} {
			require.NoError(t, m.SyncDir(d))
		}
		require.NoError(t, m.Rename("/a/f", "/b/f"))
		c := m.Crash(rand.New(rand.NewPCG(seed, 0)))
		_, errA := c.Stat("/a/f")
		_, errB := c.Stat("/b/f")
		require.True(t, (errA == nil) != (errB == nil), "a rename is atomic: %v, %v", errA, errB)
		fates[fmt.Sprint(errB == nil)]++
		require.NoError(t, m.SyncDir("/b"))
		_, err := m.CrashKeepingNothing().Stat("/b/f")
		require.NoError(t, err)
		_, err = m.CrashKeepingNothing().Stat("/a/f")
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	require.Len(t, fates, 2)
}

func TestLimit(t *testing.T) {
	m := vfs.NewMem()
	m.SetLimit(64 << 10)
	f, err := m.OpenFile("/f", os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	n, err := f.Write(make([]byte, 200<<10))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Equal(t, 64<<10, n)
	require.NoError(t, f.PunchHole(0, 32<<10))
	_, err = f.WriteAt(make([]byte, 32<<10), 0)
	require.NoError(t, err)
	require.NoError(t, m.Remove("/f"))
	use, err := m.Usage("/")
	require.NoError(t, err)
	require.EqualValues(t, 64<<10, use.Free)
}

func TestMkdirAllIsDurable(t *testing.T) {
	m := vfs.NewMem()
	require.NoError(t, vfs.MkdirAll(m, "/a/b/c", 0o700))
	require.NoError(t, vfs.WriteFile(m, "/a/b/c/f", []byte("data"), 0o600))
	require.Equal(t, "data", read(t, m.CrashKeepingNothing(), "/a/b/c/f"))
	require.NoError(t, vfs.MkdirAll(m, "/a/b/c", 0o700), "again")
}

// TestCrashLeavesOneName moves a file along, some of it synced: after any crash it has one name at most.
func TestCrashLeavesOneName(t *testing.T) {
	for seed := range uint64(200) {
		m := vfs.NewMem()
		for _, d := range []string{"/a", "/b"} {
			require.NoError(t, vfs.MkdirAll(m, d, 0o700))
		}
		write(t, m, "/a/x", "data", true)
		require.NoError(t, m.Rename("/a/x", "/b/x"))
		if seed%2 == 0 {
			require.NoError(t, m.SyncDir("/b"))
		}
		require.NoError(t, m.Rename("/b/x", "/b/y"))
		c, names := m.Crash(rand.New(rand.NewPCG(seed, 0))), 0
		for _, name := range []string{"/a/x", "/b/x", "/b/y"} {
			if _, err := c.Stat(name); err == nil {
				names++
			}
		}
		require.LessOrEqual(t, names, 1, "seed %d", seed)
		if seed%2 == 0 {
			require.Equal(t, 1, names, "seed %d", seed)
		}
	}
}

// TestCopy: a process that is killed leaves what it wrote, synced or not, and touches the copy no more.
func TestCopy(t *testing.T) {
	m := vfs.NewMem()
	f, err := m.OpenFile("/f", os.O_CREATE|os.O_RDWR, 0o600)
	require.NoError(t, err)
	_, err = f.Write([]byte("abc"))
	require.NoError(t, err)
	c := m.Copy()
	_, err = f.Write([]byte("def"))
	require.NoError(t, err)
	info, err := c.Stat("/f")
	require.NoError(t, err)
	require.EqualValues(t, 3, info.Size())
}
