package disk_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier/internal/disk"
)

var update = flag.Bool("update", false, "write the golden files again")

// dumpDir prints every file: its name, length and the bytes that are not zero, by line of 48.
func dumpDir(t *testing.T, dir string) string {
	var b strings.Builder
	require.NoError(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "LOCK" {
			return err
		}
		data, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		fmt.Fprintf(&b, "%s %d\n", filepath.ToSlash(rel), len(data))
		for off := 0; off < len(data); off += 48 {
			line := data[off:min(off+48, len(data))]
			if off < 960 && slices.ContainsFunc(line, func(c byte) bool { return c != 0 }) {
				fmt.Fprintf(&b, "%6d %s\n", off, hex.EncodeToString(line))
			}
		}
		return err
	}))
	return b.String()
}

// TestGolden holds the format: what version 1 wrote is written again byte for byte.
func TestGolden(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	d := open(t, vfs.OS, dir, disk.Options{})
	<-d.Recovered()
	put(t, d, blockID(1, 0), 100)
	put(t, d, blockID(1, 1), 4096)
	put(t, d, blockID(2, 0), 70_000)
	require.NoError(t, d.SetFlags(blockID(1, 1), disk.Held|disk.Pinned))
	require.NoError(t, d.CompactIndex())
	require.True(t, d.Delete(blockID(1, 0)))
	require.NoError(t, d.Close())
	got := dumpDir(t, dir)
	golden := filepath.Join("testdata", "format.v2.txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// TestModes looks at the modes of everything that was made.
func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes")
	}
	dir := filepath.Join(t.TempDir(), "d")
	d := open(t, vfs.OS, dir, disk.Options{})
	put(t, d, blockID(1, 0), 100)
	require.NoError(t, d.CompactIndex())
	require.NoError(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		fi, err := e.Info()
		require.NoError(t, err)
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		require.Equal(t, want, fi.Mode().Perm(), name)
		return nil
	}))
}

// TestCheck prints a report of a sound directory, and refuses what is none.
func TestCheck(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	d := open(t, vfs.OS, dir, disk.Options{})
	put(t, d, blockID(1, 0), 100)
	put(t, d, blockID(1, 1), 200_000)
	require.NoError(t, d.SetFlags(blockID(1, 1), disk.Held))
	require.NoError(t, d.Close())
	before := dumpDir(t, dir)
	r, err := disk.Check(context.Background(), vfs.OS, dir)
	require.NoError(t, err)
	require.True(t, r.OK())
	var b bytes.Buffer
	_, err = r.WriteTo(&b)
	require.NoError(t, err)
	require.Contains(t, b.String(), "2 blocks (1 held, 0 pinned), 200100 bytes in 2 segments")
	require.Equal(t, before, dumpDir(t, dir), "nothing changed")
	_, err = disk.Check(context.Background(), vfs.OS, t.TempDir())
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestSetQuota makes the quota smaller: Put is refused until enough was deleted.
func TestSetQuota(t *testing.T) {
	d := open(t, vfs.OS, filepath.Join(t.TempDir(), "d"), disk.Options{Quota: 16 << 20})
	for i := range 100 {
		put(t, d, blockID(i, 0), 100_000)
	}
	d.SetQuota(4 << 20)
	_, err := d.Put(blockID(1000, 0), [][]byte{content(blockID(1000, 0), 5000)}, 0)
	require.ErrorIs(t, err, disk.ErrFull)
	for i := 0; d.Used()+d.Charge(5000) > d.Capacity(); i++ {
		require.True(t, d.Delete(blockID(i, 0)))
	}
	put(t, d, blockID(1000, 0), 5000)
	require.LessOrEqual(t, d.DiskBytes(), int64(4<<20))
}

// TestRange lends bytes that stay through Delete and reclaiming.
func TestRange(t *testing.T) {
	d := open(t, vfs.OS, filepath.Join(t.TempDir(), "d"), disk.Options{Quota: 4 << 20})
	id := blockID(1, 0)
	put(t, d, id, 100_000)
	r, err := d.Range(id, 70_000, 50_000)
	require.NoError(t, err)
	require.EqualValues(t, 30_000, r.Len)
	require.True(t, d.Delete(id))
	for i := range 300 {
		put(t, d, blockID(2, i), 100_000)
		require.True(t, d.Delete(blockID(2, i)))
	}
	p := make([]byte, r.Len)
	_, err = r.File.ReadAt(p, r.Off)
	require.NoError(t, err)
	require.Equal(t, content(id, 100_000)[70_000:], p)
	r.Release()
	r.Release()
}

func TestHitAllocatesNothing(t *testing.T) {
	d := open(t, vfs.OS, filepath.Join(t.TempDir(), "d"), disk.Options{})
	put(t, d, blockID(1, 0), 4096)
	p := make([]byte, 4096)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if n, err := d.ReadAt(blockID(1, 0), p, 0); n != 4096 || err != nil {
			t.Error(n, err)
		}
	}))
}

func FuzzRecord(f *testing.F) {
	f.Add(make([]byte, disk.RecordSize), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, gen uint64) {
		if len(b) < disk.RecordSize {
			return
		}
		again, ok := disk.DecodeRecord(b, gen)
		if ok {
			// Bytes 6, 7 are covered by the check and have no meaning yet.
			require.Equal(t, b[8:disk.RecordSize], again[8:])
		}
	})
}

func FuzzHeader(f *testing.F) {
	for _, log := range []bool{true, false} {
		whole, _, _ := disk.DecodeHeader(nil, log, 7)
		f.Add(whole, log, uint64(7))
		f.Add(whole[:20], log, uint64(7))
	}
	f.Fuzz(func(t *testing.T, b []byte, log bool, gen uint64) {
		again, version, ok := disk.DecodeHeader(b, log, gen)
		if ok && version == 1 {
			// Bytes 12..16 and 24..40 are covered by the check and have no meaning yet.
			require.Equal(t, again[:12], b[:12])
			require.Equal(t, again[16:24], b[16:24])
		}
	})
}

// FuzzSegment puts anything where a segment was: a block reads as what was put, or not at all.
func FuzzSegment(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "d")
	d := open(f, vfs.OS, dir, disk.Options{})
	put(f, d, blockID(1, 0), 1000)
	put(f, d, blockID(1, 1), 70_000)
	require.NoError(f, d.Close())
	log, err := os.ReadFile(filepath.Join(dir, "log-0000000000000001"))
	require.NoError(f, err)
	small, err := os.ReadFile(filepath.Join(dir, "data", "01", "00000001.small"))
	require.NoError(f, err)
	large, err := os.ReadFile(filepath.Join(dir, "data", "02", "00000002.large"))
	require.NoError(f, err)
	f.Add(small, large)
	f.Add(small[:500], large[:70_000])
	for _, at := range []int{999, 69_000} {
		flipped := [2][]byte{bytes.Clone(small), bytes.Clone(large)}
		for _, b := range flipped {
			b[min(at, len(b)-1)] ^= 8
		}
		f.Add(flipped[0], flipped[1])
	}
	f.Add([]byte{}, large[1:])
	f.Fuzz(func(t *testing.T, small, large []byte) {
		mem := vfs.NewMem()
		require.NoError(t, mem.MkdirAll("/d/data/01", 0o700))
		require.NoError(t, mem.MkdirAll("/d/data/02", 0o700))
		for name, b := range map[string][]byte{
			"FORMAT": []byte("millpond disk tier\nformat 2\n"), "log-0000000000000001": log,
			"data/01/00000001.small": small, "data/02/00000002.large": large,
		} {
			require.NoError(t, vfs.WriteFile(mem, "/d/"+name, b, 0o600))
		}
		d, err := disk.Open(mem, "/d", disk.Options{Quota: 1 << 30})
		require.NoError(t, err)
		defer d.Close()
		for i, n := range []int{1000, 70_000} {
			p := make([]byte, n+1)
			got, err := d.ReadAt(blockID(1, i), p, 0)
			if err != nil {
				require.True(t, errors.Is(err, disk.ErrMiss) || errors.Is(err, disk.ErrCorrupt), "%v", err)
				continue
			}
			require.Equal(t, content(blockID(1, i), n), p[:got])
		}
	})
}

func FuzzNames(f *testing.F) {
	f.Add("0000000a.small")
	f.Add("log-0000000000000001")
	f.Add("snapshot-00000000000000ff")
	f.Fuzz(func(t *testing.T, name string) {
		for _, again := range disk.Names(name) {
			require.Equal(t, strings.ToLower(name), again)
		}
	})
}

// FuzzIndex opens directories whose log is anything: no panic, no wrong bytes, and it works.
func FuzzIndex(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "d")
	d := open(f, vfs.OS, dir, disk.Options{})
	put(f, d, blockID(1, 0), 1000)
	put(f, d, blockID(1, 1), 70_000)
	require.NoError(f, d.Close())
	log := filepath.Join(dir, "log-0000000000000001")
	seed, err := os.ReadFile(log)
	require.NoError(f, err)
	segment, err := os.ReadFile(filepath.Join(dir, "data", "01", "00000001.small"))
	require.NoError(f, err)
	f.Add(seed, "log-0000000000000001")
	f.Add(seed[:100], "snapshot-0000000000000001")
	f.Fuzz(func(t *testing.T, index []byte, name string) {
		mem := vfs.NewMem()
		require.NoError(t, mem.MkdirAll("/d/data/01", 0o700))
		write := func(name string, b []byte) {
			require.NoError(t, vfs.WriteFile(mem, name, b, 0o600))
		}
		write("/d/FORMAT", []byte("millpond disk tier\nformat 2\n"))
		write("/d/data/01/00000001.small", segment)
		if len(disk.Names(name)) == 0 || strings.ToLower(name) != name {
			name = "log-0000000000000001"
		}
		write("/d/"+name, index)
		d, err := disk.Open(mem, "/d", disk.Options{Quota: 1 << 30})
		if err != nil {
			require.ErrorIs(t, err, disk.ErrFormat)
			return
		}
		defer d.Close()
		<-d.Recovered()
		for info := range d.All() {
			p := make([]byte, min(info.Length, 1<<20))
			_, _ = d.ReadAt(info.ID, p, 0)
		}
		put(t, d, blockID(7, 7), 500)
		requireBlock(t, d, blockID(7, 7), 500)
	})
}
