//go:build !race

package s3ufs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/memtest"
)

// TestLargeSync looks at a real bucket of 100,000 objects as a whole, when it is new and when one has changed: by
// lists alone, no more of them than the entries divided by the page, and within 512 MiB. The objects are made where versitygw
// keeps them, as files of a directory.
func TestLargeSync(t *testing.T) {
	notAtOld(t, "s3api's objects cannot be made from outside, and one by one take half an hour")
	v, n := mounted(t)
	const dirs, files, page = 50, 2000, 1000
	data := os.Getenv("MILLPOND_S3_DATA")
	require.NotEmpty(t, data, "MILLPOND_S3_DATA: where the server keeps its buckets")
	place := filepath.Join(data, v.bucket, v.prefix)
	name := func(d, f int) string { return fmt.Sprintf("data/%04d/part-%06d", d, f) }
	for d := range dirs {
		require.NoError(t, os.MkdirAll(filepath.Join(place, filepath.Dir(name(d, 0))), 0o755))
		for f := range files {
			require.NoError(t, os.WriteFile(filepath.Join(place, name(d, f)), nil, 0o644))
		}
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(filepath.Join(place, "data"))) })
	before := memtest.Resident(t)
	for _, changed := range []string{"", name(7, 0)} {
		if changed != "" {
			v.put(t, v.prefix+changed, []byte("other"))
		}
		v.Reset()
		found := 0
		for info, err := range n.List(t.Context(), "/in", &cachefs.ListOptions{Recursive: true, Sync: true}) {
			require.NoError(t, err)
			if !info.IsDir() {
				found++
			}
		}
		require.Equal(t, dirs*files, found)
		require.Equal(t, requests{"list": 2 + dirs*files/page}, v.Counts(), "the root, data, and the pages of each directory")
	}
	require.Less(t, memtest.Peak(t)-before, int64(512<<20), "bytes of memory")
	require.Equal(t, "other", string(read(t, n, "/in/"+name(7, 0))))
}
