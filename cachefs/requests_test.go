package cachefs_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/millpond/millpond/ufs/objects/objectstest"
)

// TestRequestsOfAFlatStore counts what a bucket is asked for: nothing that the answer at hand says already.
func TestRequestsOfAFlatStore(t *testing.T) {
	b := objectstest.New(&objectstest.Options{PageSize: 10})
	for i := range 35 {
		b.Set(fmt.Sprintf("a/dir/f%02d", i), "content")
	}
	b.Set("a/file", "content")
	s, err := ufs.New(objects.New(b, ""), "test://bucket", nil)
	require.NoError(t, err)
	defer s.Close()
	other, err := ufs.New(objects.New(b, ""), "test://other", nil)
	require.NoError(t, err)
	defer other.Close()
	n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/m", Store: s}, {Path: "/always", Store: other, Sync: cachefs.SyncAlways}}})
	require.NoError(t, err)
	defer n.Close()
	b.Requests()
	for _, m := range []string{"/m", "/always"} {
		require.Equal(t, 35, entries(t, n, m+"/a/dir"))
		require.Equal(t, map[string]int{"list": 4}, b.Requests(), "a directory that nobody has looked at: its pages")
	}
	require.Equal(t, 35, entries(t, n, "/m/a/dir"))
	_, err = n.Stat(t.Context(), "/m/a/dir/f07", nil)
	require.NoError(t, err)
	require.Empty(t, b.Requests(), "what was listed is known")

	for path, want := range map[string]error{"/m/a/file": cachefs.ErrNotDir, "/m/a/missing": cachefs.ErrNotExist} {
		for _, err := range n.List(t.Context(), path, nil) {
			require.ErrorIs(t, err, want)
		}
	}
}

func entries(t *testing.T, n *cachefs.Node, dir string) (count int) {
	for _, err := range n.List(t.Context(), dir, nil) {
		require.NoError(t, err)
		count++
	}
	return count
}
