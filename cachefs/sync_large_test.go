package cachefs_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/millpond/millpond/ufs/objects/objectstest"
)

// TestSyncOfManyObjects looks at a bucket of 100,000 objects as a whole: when it is new, when nothing has changed, and when
// something has. It takes lists alone, no more of them than the entries divided by the page, and no more than 512 MiB.
func TestSyncOfManyObjects(t *testing.T) {
	const dirs, files, page = 25, 4000, 1000
	bucket := objectstest.New(&objectstest.Options{PageSize: page})
	name := func(d, f int) string {
		return fmt.Sprintf("data/%04d/object-with-a-name-of-some-length-%06d.parquet", d, f)
	}
	for d := range dirs {
		for f := range files {
			bucket.Set(name(d, f), "")
		}
	}
	store, err := ufs.New(objects.New(bucket, ""), "test://large", nil)
	require.NoError(t, err)
	n := cachefstest.New(t, 1, func(cfg *cachefs.Config) {
		cfg.Mounts = []cachefs.MountConfig{{Path: "/b", Store: store}}
	}).Node()
	bucket.Requests()
	for _, c := range []struct {
		change func()
		want   int
	}{
		{func() {}, dirs * files},
		{func() {}, dirs * files},
		{func() { bucket.Set(name(7, files), ""); bucket.Set(name(7, 0), "other") }, dirs*files + 1},
	} {
		c.change()
		before := resident(t)
		found := 0
		for info, err := range n.List(t.Context(), "/b", &cachefs.ListOptions{Recursive: true, Sync: true}) {
			require.NoError(t, err)
			if !info.IsDir() {
				found++
			}
		}
		require.Equal(t, c.want, found)
		pages := 2 + dirs*((files+page-1)/page) // the root, data, and each directory
		if c.want > dirs*files {
			pages++ // one more name than its pages hold
		}
		require.Equal(t, map[string]int{"list": pages}, bucket.Requests())
		require.Less(t, peak(t)-before, int64(512<<20), "bytes of memory")
	}
	info, err := n.Stat(t.Context(), "/b/"+name(7, 0), nil)
	require.NoError(t, err)
	require.EqualValues(t, 5, info.Size(), "the object that changed")
}

// resident is how much memory the process has, and where peak begins to look; 0 where the system does not tell.
func resident(t *testing.T) int64 {
	if runtime.GOOS != "linux" {
		return 0
	}
	runtime.GC()
	require.NoError(t, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0), "forget the peak so far")
	return status(t, "VmRSS:")
}

// peak is the most memory that the process has had since resident.
func peak(t *testing.T) int64 {
	if runtime.GOOS != "linux" {
		return 0
	}
	return status(t, "VmHWM:")
}

// status is a line of /proc/self/status, in bytes.
func status(t *testing.T, name string) int64 {
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, after, ok := bytes.Cut(text, []byte(name))
	require.True(t, ok)
	kib, err := strconv.ParseInt(string(bytes.Fields(after)[0]), 10, 64)
	require.NoError(t, err)
	return kib << 10
}
