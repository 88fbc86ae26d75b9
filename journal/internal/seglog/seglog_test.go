package seglog_test

import (
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal/internal/seglog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden file again")

func salt() uint64 { return 0x1122334455667788 }

func entry(i uint64) *raft.Log {
	l := &raft.Log{Index: i, Term: 2, Type: raft.LogCommand, Data: []byte{byte(i), 1, 2, 3, 4, 5}, AppendedAt: time.Unix(5, int64(i))}
	if i%3 == 0 {
		l.Extensions = []byte("ext")
	}
	return l
}

func entries(lo, hi uint64) (out []*raft.Log) {
	for i := lo; i <= hi; i++ {
		out = append(out, entry(i))
	}
	return out
}

func open(t testing.TB, dir string) *seglog.Log {
	t.Helper()
	l, err := seglog.Open(vfs.OS, dir, seglog.Options{SegmentSize: 256, Salt: salt})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func holds(t *testing.T, l *seglog.Log, lo, hi uint64) {
	t.Helper()
	first, err := l.FirstIndex()
	require.NoError(t, err)
	last, err := l.LastIndex()
	require.NoError(t, err)
	require.Equal(t, [2]uint64{lo, hi}, [2]uint64{first, last})
	var got raft.Log
	for i := lo; i <= hi && i > 0; i++ {
		require.NoError(t, l.GetLog(i, &got))
		require.Equal(t, *entry(i), got)
	}
	require.ErrorIs(t, l.GetLog(hi+1, &got), raft.ErrLogNotFound)
	if lo > 0 {
		require.ErrorIs(t, l.GetLog(lo-1, &got), raft.ErrLogNotFound)
	}
}

func TestAppendAndReopen(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	holds(t, l, 0, 0)
	for i := uint64(1); i <= 40; i += 3 {
		require.NoError(t, l.StoreLogs(entries(i, i+2)))
	}
	holds(t, l, 1, 42)
	require.Error(t, l.StoreLog(entry(50)), "a gap")
	require.NoError(t, l.Close())
	require.ErrorIs(t, l.StoreLog(entry(43)), os.ErrClosed)
	l = open(t, dir)
	holds(t, l, 1, 42)
	require.NoError(t, l.StoreLog(entry(43)))
	holds(t, l, 1, 43)
}

func TestDeleteRange(t *testing.T) {
	for _, reopen := range []bool{false, true} {
		dir := t.TempDir()
		l := open(t, dir)
		again := func() {
			if reopen {
				require.NoError(t, l.Close())
				l = open(t, dir)
			}
		}
		require.NoError(t, l.StoreLogs(entries(1, 20)))
		require.NoError(t, l.StoreLogs(entries(21, 40)))
		require.NoError(t, l.StoreLogs(entries(41, 50)))
		require.Error(t, l.DeleteRange(5, 7))
		require.NoError(t, l.DeleteRange(45, 50))
		again()
		holds(t, l, 1, 44)
		require.NoError(t, l.StoreLogs(entries(45, 60)))
		require.NoError(t, l.DeleteRange(1, 20))
		holds(t, l, 21, 60)
		again()
		holds(t, l, 21, 60)
		require.NoError(t, l.DeleteRange(21, 30)) // within a segment: out of sight until the next Open
		holds(t, l, 31, 60)
		require.NoError(t, l.DeleteRange(31, 60))
		again()
		holds(t, l, 0, 0)
		require.NoError(t, l.StoreLogs(entries(100, 110)))
		again()
		holds(t, l, 100, 110)
		require.NoError(t, l.DeleteRange(100, 110))
		require.NoError(t, l.DeleteRange(1, 3))
	}
}

// TestGolden holds the format: the bytes of a closed log with three entries.
func TestGolden(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	require.NoError(t, l.StoreLogs(entries(1, 2)))
	require.NoError(t, l.StoreLogs(entries(3, 3)))
	require.NoError(t, l.Close())
	b, err := os.ReadFile(filepath.Join(dir, "00000000000000000001.seg"))
	require.NoError(t, err)
	const golden = "testdata/segment.v1.hex"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(hex.EncodeToString(b)+"\n"), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), hex.EncodeToString(b)+"\n")
}

func TestLaterVersionIsRefusedByName(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "00000000000000000001.seg")
	require.NoError(t, os.WriteFile(name, seglog.HeaderOfVersion(2), 0o600))
	_, err := seglog.Open(vfs.OS, dir, seglog.Options{})
	v, ok := errors.AsType[*seglog.VersionError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, seglog.VersionError{File: name, Version: 2}, *v)
}

// TestStoredSegmentIsNoRecord stores a segment's own bytes as a command: they must not pass for records behind a torn tail.
func TestStoredSegmentIsNoRecord(t *testing.T) {
	other := t.TempDir()
	l, err := seglog.Open(vfs.OS, other, seglog.Options{})
	require.NoError(t, err)
	require.NoError(t, l.StoreLogs(entries(1, 5)))
	require.NoError(t, l.Close())
	image, err := os.ReadFile(filepath.Join(other, "00000000000000000001.seg"))
	require.NoError(t, err)

	dir := t.TempDir()
	l, err = seglog.Open(vfs.OS, dir, seglog.Options{})
	require.NoError(t, err)
	require.NoError(t, l.StoreLog(entry(1)))
	require.NoError(t, l.StoreLog(&raft.Log{Index: 2, Data: append(make([]byte, 200), image...)}))
	name := filepath.Join(dir, "00000000000000000001.seg")
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	b[len(b)-len(image)-50] ^= 1 // torn within the last batch
	require.NoError(t, os.WriteFile(name, b, 0o600))
	l, err = seglog.Open(vfs.OS, dir, seglog.Options{})
	require.NoError(t, err)
	holds(t, l, 1, 1)
	require.NoError(t, l.Close())
}

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	l := open(f, dir)
	require.NoError(f, l.StoreLogs(entries(1, 2)))
	require.NoError(f, l.StoreLogs(entries(3, 3)))
	require.NoError(f, l.Close())
	b, err := os.ReadFile(filepath.Join(dir, "00000000000000000001.seg"))
	require.NoError(f, err)
	f.Add(b)
	f.Add(b[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		seglog.ScanForTest(b, true)
		seglog.ScanForTest(b, false)
	})
}
