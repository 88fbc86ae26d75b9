package cachefs_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/fileufs"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/millpond/millpond/ufs/objects/objectstest"
)

// allocated is what was ever taken from the heap, in bytes.
func allocated() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.TotalAlloc)
}

// TestBackupOfManyFiles: making a backup of 100,000 files takes no memory by the size of it, and beginning with it no more than a
// restart does.
func TestBackupOfManyFiles(t *testing.T) {
	const files = 100_000
	bucket := objectstest.New(&objectstest.Options{PageSize: 1000})
	for f := range files {
		bucket.Set(fmt.Sprintf("data/%03d/object-with-a-name-of-some-length-that-is-its-own-%06d.parquet", f%100, f), "")
	}
	store, err := ufs.New(objects.New(bucket, ""), "test://large", nil)
	require.NoError(t, err)
	place, err := fileufs.Open(t.TempDir(), nil)
	require.NoError(t, err)
	var made, restored cachefs.BackupInfo
	open := func(dir string) *cachefs.Node {
		n, err := cachefs.Open(t.Context(), cachefs.Config{
			Dir: dir, Tiers: []tier.Config{{Kind: tier.Memory, Size: 16 << 20}},
			Mounts: []cachefs.MountConfig{{Path: "/b", Store: store}},
			Backup: &cachefs.BackupConfig{Store: place, Interval: time.Hour},
			Events: cachefs.Events{
				Backup: func(i cachefs.BackupInfo) { made = i }, BackupRestored: func(i cachefs.BackupInfo) { restored = i },
			},
		})
		require.NoError(t, err)
		return n
	}
	count := func(n *cachefs.Node) (found int) {
		for in, err := range n.List(t.Context(), "/b", &cachefs.ListOptions{Recursive: true}) {
			require.NoError(t, err)
			if !in.IsDir() {
				found++
			}
		}
		return found
	}
	n := open(t.TempDir())
	require.Equal(t, files, count(n))
	require.Eventually(t, func() bool { return n.Metrics().Discovering == 0 }, time.Minute, 10*time.Millisecond)
	before := allocated()
	require.NoError(t, n.Backup(t.Context(), nil))
	took := allocated() - before
	require.Greater(t, made.Bytes, int64(8<<20))
	require.Less(t, took, made.Bytes/2, "to make it")
	require.NoError(t, n.Close())

	before = allocated()
	dir := t.TempDir()
	n = open(dir)
	began := allocated() - before
	require.Equal(t, made.Index, restored.Index)
	require.NoError(t, n.Close())
	before = allocated()
	n = open(dir)
	again := allocated() - before
	t.Logf("%d files: %d bytes; allocated to make it %d, to begin with it %d, by a restart %d", files, made.Bytes, took, began, again)
	require.Less(t, began, again+made.Bytes/2, "to begin with it")
	bucket.Requests()
	require.Equal(t, files, count(n))
	require.Empty(t, bucket.Requests(), "nothing is looked up again")
	require.NoError(t, n.Close())
}
