package tier_test

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// count is how many files lie below dir, how many entries its largest directory has, and how many bytes the files take.
func count(t *testing.T, fsys vfs.FS, dir string) (files, most int, bytes int64) {
	t.Helper()
	list, err := fsys.ReadDir(dir)
	require.NoError(t, err)
	most = len(list)
	for _, e := range list {
		name := path.Join(dir, e.Name())
		if e.IsDir() {
			f, m, b := count(t, fsys, name)
			files, most, bytes = files+f, max(most, m), bytes+b
			continue
		}
		info, err := fsys.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // given back meanwhile
		}
		require.NoError(t, err)
		n, ok := vfs.Allocated(info)
		require.True(t, ok)
		files, bytes = files+1, bytes+n
	}
	return files, most, bytes
}

// TestSmallBlocksArePacked: many of them lie in a few files, and take little more than their bytes.
func TestSmallBlocksArePacked(t *testing.T) {
	const blocks = 20_000
	disk, ctx := vfs.NewMem(), t.Context()
	s := open(t, disk, ssd(64*mib, "/d"))
	want := body(7, kib)
	for n := range blocks {
		require.NoError(t, s.Put(ctx, id(n), want, tier.PutOptions{}))
	}
	files, most, bytes := count(t, disk, "/d")
	require.Less(t, files, 40)
	require.Less(t, most, 80, "entries of one directory")
	require.Less(t, float64(bytes), 1.3*blocks*kib)
	require.Equal(t, blocks, s.Metrics().Tiers[0].Blocks)
}

// TestReadsOpenNothing: reading from a disk tier opens no file, neither of what was put just now nor after a restart.
func TestReadsOpenNothing(t *testing.T) {
	var opens atomic.Int32
	var reads atomic.Int32
	disk := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
		switch op.Kind {
		case vfs.OpOpen:
			opens.Add(1)
		case vfs.OpRead:
			if strings.HasPrefix(op.Name, "/d/data") {
				reads.Add(1)
			}
		}
		return nil
	})
	s := openWith(t, tier.Options{FS: disk}, ssd(64*mib, "/d"))
	for n := range 200 {
		require.NoError(t, s.Put(t.Context(), id(n), body(n, 1000+n*700), tier.PutOptions{}))
	}
	for range 2 {
		<-s.Recovered()
		opens.Store(0)
		reads.Store(0)
		for n := range 200 {
			requireBlock(t, s, n, 1000+n*700)
		}
		require.Zero(t, opens.Load())
		require.GreaterOrEqual(t, reads.Load(), int32(200))
		closeStore(t, s)
		s = openWith(t, tier.Options{FS: disk}, ssd(64*mib, "/d"))
	}
	closeStore(t, s)
}

// TestSmallBlocksShareFrames: a small block in memory takes about as much as it is long, whatever the block size.
func TestSmallBlocksShareFrames(t *testing.T) {
	for length, blocks := range map[int]int{1: 12_000, 100: 7500, 1000: 850, 5000: 160} {
		s := openWith(t, tier.Options{}, memory(mib))
		want := body(1, length)
		for n := range blocks {
			require.NoError(t, s.Put(t.Context(), id(n), want, tier.PutOptions{Hold: true}), "block %d of %d bytes", n, length)
		}
		require.Equal(t, blocks, s.Metrics().Tiers[0].Blocks)
		closeStore(t, s)
	}
}

// TestDirectoriesKeepTheirQuotas: each of several in one tier.
func TestDirectoriesKeepTheirQuotas(t *testing.T) {
	disk, ctx := vfs.NewMem(), t.Context()
	quotas := map[string]int64{"/a": mib, "/b": 4 * mib, "/c": 2 * mib}
	c := tier.Config{Kind: tier.SSD}
	for dir, quota := range quotas {
		c.Dirs = append(c.Dirs, tier.Dir{Path: dir, Quota: quota})
	}
	s := open(t, disk, c)
	for n := range 300 {
		require.NoError(t, s.Put(ctx, id(n), body(n, 60*kib), tier.PutOptions{}))
	}
	for dir, quota := range quotas {
		_, _, bytes := count(t, disk, dir)
		require.LessOrEqual(t, bytes, quota, dir)
		require.Greater(t, bytes, quota/2, dir)
	}
}

// TestSmallerQuotaAtOpenEvicts: a tier that is opened with less room than it takes gives up what may leave, and keeps what is held.
func TestSmallerQuotaAtOpenEvicts(t *testing.T) {
	disk, ctx := vfs.NewMem(), t.Context()
	s := openWith(t, tier.Options{FS: disk}, ssd(8*mib, "/d"))
	for n := range 100 {
		require.NoError(t, s.Put(ctx, id(n), body(n, 64*kib), tier.PutOptions{Hold: n%20 == 0}))
	}
	closeStore(t, s)
	s = open(t, disk, ssd(2*mib, "/d"))
	require.Eventually(t, func() bool {
		m := s.Metrics().Tiers[0]
		_, _, bytes := count(t, disk, "/d")
		return m.Used <= m.Capacity && m.Capacity < 2*mib && bytes <= 2*mib
	}, closeTime, pollTime)
	for n := 0; n < 100; n += 20 {
		requireBlock(t, s, n, 64*kib)
	}
	require.Greater(t, s.Metrics().Tiers[0].Blocks, 10)
}
