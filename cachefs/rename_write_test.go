package cachefs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
)

// What is being written below a mount does not move, whatever its write type: the Rename says whose writer is in the
// way, and works when that has closed.
func TestRenameOfWhatIsWritten(t *testing.T) {
	for name, o := range map[string]cachefs.CreateOptions{
		"CacheThrough": {WriteType: cachefs.CacheThrough}, "Through": {WriteType: cachefs.Through},
		"AsyncThrough": {WriteType: cachefs.AsyncThrough}, "MustCache": {WriteType: cachefs.MustCache},
		"Overwrite": {WriteType: cachefs.Through, Overwrite: true}, "Append": {WriteType: cachefs.CacheThrough, Append: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := cachefstest.New(t, 1)
			n, ctx, file := c.Node(), t.Context(), cachefstest.MountPath+"/d/e/f"
			want := content(1, 70_000)
			if o.Overwrite || o.Append {
				require.NoError(t, writeFile(ctx, n, file, []byte("old"), cachefs.CreateOptions{Parents: true}))
			}
			if o.Append {
				want = append([]byte("old"), want...)
			}
			o.Parents = true
			w, err := n.Create(ctx, file, &o)
			require.NoError(t, err)
			err = n.Rename(ctx, cachefstest.MountPath+"/d", cachefstest.MountPath+"/r", nil)
			require.ErrorIs(t, err, cachefs.ErrBusy)
			require.ErrorContains(t, err, file+" is being written")
			_, err = w.Write(content(1, 70_000))
			require.NoError(t, err)
			require.NoError(t, w.Close())
			require.NoError(t, n.Rename(ctx, cachefstest.MountPath+"/d", cachefstest.MountPath+"/r", nil))
			require.NoError(t, same(readAll(t, n, cachefstest.MountPath+"/r/e/f"), want, 0))
		})
	}
}

// A file that is being written moves where nothing is uploaded, and its writer with it.
func TestRenameTakesTheWriterAlong(t *testing.T) {
	n, ctx := cachefstest.New(t, 1).Node(), t.Context()
	w, err := n.Create(ctx, "/d/f", &cachefs.CreateOptions{Parents: true})
	require.NoError(t, err)
	require.NoError(t, n.Rename(ctx, "/d", "/r", nil))
	_, err = w.Write(content(1, 70_000))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, same(readAll(t, n, "/r/f"), content(1, 70_000), 0))
	_, err = n.Stat(ctx, "/d/f", nil)
	require.ErrorIs(t, err, cachefs.ErrNotExist)
}

// A writer whose directory was removed keeps nothing else from moving.
func TestRenameBesideAWriterThatLostItsDirectory(t *testing.T) {
	n, ctx, m := cachefstest.New(t, 1).Node(), t.Context(), cachefstest.MountPath
	require.NoError(t, writeFile(ctx, n, m+"/d/f", []byte("old"), cachefs.CreateOptions{Parents: true}))
	require.NoError(t, writeFile(ctx, n, m+"/x/f", []byte("old"), cachefs.CreateOptions{Parents: true}))
	w, err := n.Create(ctx, m+"/d/f", &cachefs.CreateOptions{Overwrite: true})
	require.NoError(t, err)
	require.NoError(t, n.Remove(ctx, m+"/d", &cachefs.RemoveOptions{Recursive: true}))
	require.NoError(t, n.Rename(ctx, m+"/x", m+"/y", nil))
	require.ErrorIs(t, w.Close(), cachefs.ErrLeaseLost)
}
