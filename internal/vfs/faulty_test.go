package vfs_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/internal/vfs/vfstest"
)

func TestFaultyFailsTheNth(t *testing.T) {
	f := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
		if op.Kind == vfs.OpSync {
			return syscall.EIO
		}
		return nil
	})
	err := vfs.WriteFile(f, "/x", []byte("data"), 0o600)
	require.ErrorIs(t, err, syscall.EIO)
	_, err = f.Stat("/x")
	require.ErrorIs(t, err, os.ErrNotExist, "nothing is published by a write that failed")
	require.Positive(t, f.Count())
}

func TestFaultyLies(t *testing.T) {
	mem := vfs.NewMem()
	require.NoError(t, vfs.WriteFile(mem, "/x", []byte(strings.Repeat("a", 100)), 0o600))
	lie := vfs.ErrFlip
	f := vfs.NewFaulty(mem, func(op vfs.Op) error {
		if op.Kind == vfs.OpRead {
			return lie
		}
		return nil
	})
	file, err := f.OpenFile("/x", os.O_RDONLY, 0)
	require.NoError(t, err)
	p := make([]byte, 100)
	n, err := file.ReadAt(p, 0)
	require.NoError(t, err)
	require.Equal(t, 100, n)
	require.Equal(t, 99, strings.Count(string(p), "a"))
	lie = vfs.ErrShort
	n, err = file.ReadAt(p, 0)
	require.Equal(t, io.EOF, err)
	require.Equal(t, 50, n)
}

// TestWriteFileCrashes publishes three versions of a file and loses the power at each operation: there is always one
// whole version, and never one before the last acknowledged.
func TestWriteFileCrashes(t *testing.T) {
	body := func(i int) string { return strings.Repeat(fmt.Sprint(i), 3000) }
	vfstest.CrashEach(t, vfstest.Options{Seeds: 8}, func(fsys vfs.FS, ack func(string)) {
		for i := range 3 {
			if vfs.WriteFile(fsys, "/f", []byte(body(i)), 0o600) != nil {
				return
			}
			ack(body(i))
		}
	}, func(t *testing.T, disk *vfs.Mem, acked []string) {
		got, err := vfs.ReadFile(disk, "/f")
		if len(acked) == 0 && err != nil {
			return
		}
		require.NoError(t, err)
		allowed := acked
		if len(acked) > 0 {
			allowed = acked[len(acked)-1:]
		}
		if len(acked) < 3 {
			allowed = append([]string{body(len(acked))}, allowed...)
		}
		require.Contains(t, allowed, string(got))
	})
}

// TestCrashEachFindsACarelessWriter shows that the loop can fail: a writer that does not sync is found.
func TestCrashEachFindsACarelessWriter(t *testing.T) {
	lost := false
	vfstest.CrashEach(t, vfstest.Options{}, func(fsys vfs.FS, ack func(string)) {
		f, err := fsys.OpenFile("/f", os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return
		}
		defer f.Close()
		if _, err := f.Write([]byte("data")); err == nil {
			ack("data")
		}
	}, func(_ *testing.T, disk *vfs.Mem, acked []string) {
		got, _ := vfs.ReadFile(disk, "/f")
		lost = lost || len(acked) > 0 && string(got) != "data"
	})
	require.True(t, lost)
}
