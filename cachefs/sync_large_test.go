package cachefs_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/memtest"
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
		before := memtest.Resident(t)
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
		require.Less(t, memtest.Peak(t)-before, int64(512<<20), "bytes of memory")
	}
	info, err := n.Stat(t.Context(), "/b/"+name(7, 0), nil)
	require.NoError(t, err)
	require.EqualValues(t, 5, info.Size(), "the object that changed")
}
