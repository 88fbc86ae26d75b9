package ufs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/fileufs"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/millpond/millpond/ufs/objects/objectstest"
)

func TestDeleteAll(t *testing.T) {
	for kind, make := range simple {
		over(t, once, make, func(w *world) {
			w.plant("dir")
			w.put("dir-near/f", nil)
			for i := range 30 { // several pages
				w.put(fmt.Sprintf("dir/many/%02d", i), nil)
			}
			require.NoError(w, w.s.DeleteAll(w.Context(), "dir"), kind)
			_, err := w.d.Stat(w.Context(), "dir")
			require.ErrorIs(w, err, driver.ErrNotExist)
			w.holds("dir-near/f", []byte{})
			require.ErrorIs(w, w.s.DeleteAll(w.Context(), "dir"), driver.ErrNotExist)
			require.ErrorIs(w, w.s.DeleteAll(w.Context(), "dir-near/f"), driver.ErrNotDir)
			require.NoError(w, w.s.DeleteAll(w.Context(), ""))
			p, err := w.s.ListPage(w.Context(), ufs.ListOptions{})
			require.NoError(w, err)
			require.Empty(w, p.Entries)
		})
	}
}

// TestDeleteAllChildrenFirst: a directory is deleted after all that was in it, also if it is cut off.
func TestDeleteAllChildrenFirst(t *testing.T) {
	for kind := range simple {
		crashes(t, kind, func(w *world) { w.plant("dir") }, func(w *world) error { return w.s.DeleteAll(w.Context(), "dir") }, func(w *world) {
			for _, key := range tree {
				if _, err := w.content("dir/" + key); err == nil {
					for up := "dir/" + key; strings.Contains(up, "/"); {
						up = up[:strings.LastIndex(up, "/")]
						_, err := w.d.Stat(w.Context(), up)
						require.NoError(w, err, "%s is left and %s is gone", key, up)
					}
				}
			}
			if _, err := w.d.Stat(w.Context(), "dir"); err == nil {
				require.NoError(w, w.s.DeleteAll(w.Context(), "dir"), "it goes on")
			}
			_, err := w.d.Stat(w.Context(), "dir")
			require.ErrorIs(w, err, driver.ErrNotExist)
		})
	}
}

// TestDeleteAllStops at the first page with failures, and names them.
func TestDeleteAllStops(t *testing.T) {
	over(t, once, simple["directories"], func(w *world) {
		w.plant("dir")
		w.play("delete key=dir/b/d/* fail=permission")
		err := w.s.DeleteAll(w.Context(), "dir")
		require.ErrorIs(w, err, driver.ErrPermission)
		require.ErrorContains(w, err, `"dir/b/d/e"`)
		require.ErrorContains(w, err, `"dir/b/d/f"`)
		w.holds("dir/b/d/e", []byte("b/d/e"))
	})
}

// TestDeleteBatchChunks: as many keys a request as the store takes; one that fails is named, one that is missing is not.
func TestDeleteBatchChunks(t *testing.T) {
	over(t, once, func() driver.Store {
		return newPoor(objects.New(objectstest.New(&objectstest.Options{}), "p/"), func(c *driver.Caps) { c.BatchDelete = 10 })
	}, func(w *world) {
		var keys []string
		for i := range 35 {
			keys = append(keys, fmt.Sprintf("k%02d", i))
			if i != 7 {
				w.put(keys[i], nil)
			}
		}
		w.play("deletebatch key=k10 fail=permission")
		calls := w.made(func() {
			failed := w.s.DeleteBatch(w.Context(), keys)
			require.Len(w, failed, 10)
			require.ErrorIs(w, failed["k19"], driver.ErrPermission)
			require.Nil(w, failed["k07"])
		})
		require.ElementsMatch(w, []string{"deletebatch k00", "deletebatch k10", "deletebatch k20", "deletebatch k30"}, calls)
		w.holds("k09", nil)
		w.holds("k10", []byte{})
		require.Nil(w, w.s.DeleteBatch(w.Context(), nil))
	})
}

// TestDeleteBatchWithout: a store that takes one at a time gets several at a time, and not more.
func TestDeleteBatchWithout(t *testing.T) {
	bubble(t, once, nil, func(w *world) {
		var keys []string
		for i := range 80 {
			keys = append(keys, fmt.Sprint("k", i))
			w.put(keys[i], nil)
		}
		w.play("delete delay=1s\ndelete key=k13 fail=notempty")
		most := atomic.Int64{}
		stop := time.AfterFunc(time.Second/2, func() { most.Store(int64(w.s.Metrics().InFlight)) })
		defer stop.Stop()
		began := time.Now()
		failed := w.s.DeleteBatch(w.Context(), keys)
		require.Len(w, failed, 1)
		require.ErrorIs(w, failed["k13"], driver.ErrNotEmpty)
		require.Equal(w, 10*time.Second, time.Since(began), "80 of 1 s, 8 at a time")
		require.EqualValues(w, 8, most.Load())
	})
}

// TestDeleteAllDoesNotFollowLinks: a link goes, what it points to stays.
func TestDeleteAllDoesNotFollowLinks(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "kept"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kept", "f"), nil, 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "gone"), 0o755))
	if err := os.Symlink("../kept", filepath.Join(dir, "gone", "link")); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	s, err := fileufs.Open(dir, nil)
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.DeleteAll(t.Context(), "gone"))
	require.NoDirExists(t, filepath.Join(dir, "gone"))
	require.FileExists(t, filepath.Join(dir, "kept", "f"))
}
