package cachefs_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
)

// lagging is a store whose listings lack everything that was written while it lags, or have it as it was before.
type lagging struct {
	*memufs.Store
	lags   atomic.Bool
	before atomic.Pointer[driver.Attr]
}

func (l *lagging) List(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
	p, err := l.Store.List(ctx, o)
	if err != nil || !l.lags.Load() {
		return p, err
	}
	p.Entries = slices.DeleteFunc(slices.Clone(p.Entries), func(a driver.Attr) bool { return strings.HasPrefix(a.Key, "new") || strings.Contains(a.Key, "/new") })
	if before := l.before.Load(); before != nil {
		p.Entries = slices.DeleteFunc(p.Entries, func(a driver.Attr) bool { return a.Key == before.Key })
		p.Entries = append(p.Entries, *before)
	}
	if len(p.Entries) == 0 && o.Prefix != "" {
		return p, driver.ErrNotExist
	}
	return p, nil
}

// Stat finds files alone: a directory is what a listing has.
func (l *lagging) Stat(ctx context.Context, key string) (driver.Attr, error) {
	a, err := l.Store.Stat(ctx, key)
	if err == nil && a.Dir && l.lags.Load() && strings.Contains(key, "new") {
		return driver.Attr{}, driver.ErrNotExist
	}
	return a, err
}

// lateNode is a node over a store that lags.
func lateNode(t *testing.T) (*lagging, *cachefs.Node) {
	caps := memufs.Bucket()
	caps.EventualList = true
	l := &lagging{Store: memufs.New(&memufs.Options{Caps: &caps})}
	l.lags.Store(true)
	s, err := ufs.New(l, "mem://lagging", nil)
	require.NoError(t, err)
	n := cachefstest.New(t, 1, func(cfg *cachefs.Config) { cfg.Mounts = []cachefs.MountConfig{{Path: "/m", Store: s}} }).Node()
	return l, n
}

// What was just written stays although listings lack it, whoever lists, and is gone when it is.
func TestListingsThatLag(t *testing.T) {
	l, n := lateNode(t)
	cachefstest.Put(t, l.UFS(), "old", "old")
	cachefstest.Put(t, l.UFS(), "dir/old", "old")
	through := cachefs.CreateOptions{WriteType: cachefs.CacheThrough, Parents: true}
	files := []string{"/m/new", "/m/dir/new", "/m/newdir/deep/new"}
	for _, path := range files {
		require.NoError(t, writeFile(t.Context(), n, path, []byte("new"), through))
	}
	listed := func() (all []string) {
		for info, err := range n.List(t.Context(), "/m", &cachefs.ListOptions{Recursive: true, Sync: true}) {
			require.NoError(t, err)
			if !info.IsDir() {
				all = append(all, info.Path())
			}
		}
		return all
	}
	for range 3 {
		require.Equal(t, []string{"/m/dir/new", "/m/dir/old", "/m/new", "/m/newdir/deep/new", "/m/old"}, listed())
	}
	before := l.Calls()["open"]
	for _, path := range files {
		require.Equal(t, "new", cachefstest.At(t, n, path))
	}
	require.Equal(t, before, l.Calls()["open"], "from the cache: it is the same file")

	for _, key := range []string{"new", "dir/new", "newdir/deep/new"} {
		require.NoError(t, l.UFS().Delete(t.Context(), key))
	}
	require.Equal(t, []string{"/m/dir/old", "/m/old"}, listed())
	for _, path := range append(files, "/m/newdir") {
		require.Equal(t, "gone", cachefstest.At(t, n, path))
	}
}

// What was just overwritten stays as it is although listings have it as it was, and is gone when it is.
func TestListingsOfTheVersionBefore(t *testing.T) {
	l, n := lateNode(t)
	o := cachefs.CreateOptions{WriteType: cachefs.CacheThrough, Overwrite: true}
	require.NoError(t, writeFile(t.Context(), n, "/m/f", []byte("old"), o))
	before, err := l.UFS().Stat(t.Context(), "f")
	require.NoError(t, err)
	l.before.Store(&before)
	require.NoError(t, writeFile(t.Context(), n, "/m/f", []byte("newer"), o))
	opens := l.Calls()["open"]
	list := func() []string {
		has, err := names(n.List(t.Context(), "/m", &cachefs.ListOptions{Sync: true}), "/m")
		require.NoError(t, err)
		return has
	}
	for range 3 {
		require.Equal(t, []string{"f 5"}, list())
		require.Equal(t, "newer", cachefstest.At(t, n, "/m/f"))
	}
	require.Equal(t, opens, l.Calls()["open"], "from the cache: it is the same file")
	require.NoError(t, l.UFS().Delete(t.Context(), "f"))
	require.Empty(t, list())
}

// What others have just written is found by its name, in a directory that was listed without it.
func TestFoundBesideAListingThatLags(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		l, n := lateNode(t)
		cachefstest.Put(t, l.UFS(), "dir/old", "old")
		cachefstest.Put(t, l.UFS(), "dir/new", "new")
		require.Equal(t, 1, entries(t, n, "/m/dir"))
		require.Equal(t, "new", cachefstest.At(t, n, "/m/dir/new"))
		require.Equal(t, 2, entries(t, n, "/m/dir"))
		before := l.Calls()["stat"]
		for range 3 {
			require.Equal(t, "gone", cachefstest.At(t, n, "/m/dir/none"))
			synctest.Wait() // what is remembered of it is remembered behind
		}
		require.Equal(t, before+1, l.Calls()["stat"], "asked once")
	})
}

// What a listing lacks and has been known for long is gone, without a question: the removal of a large tree by others costs lists alone.
func TestOldNamesAreNotAskedFor(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		l, n := lateNode(t)
		cachefstest.Put(t, l.UFS(), "dir/old", "old")
		require.NoError(t, writeFile(t.Context(), n, "/m/dir/new", []byte("new"), cachefs.CreateOptions{WriteType: cachefs.CacheThrough}))
		time.Sleep(16 * time.Minute)
		before := l.Calls()["stat"]
		for _, err := range n.List(t.Context(), "/m/dir", &cachefs.ListOptions{Sync: true}) {
			require.NoError(t, err)
		}
		require.Equal(t, before+1, l.Calls()["stat"], "the directory")
		require.Equal(t, 1, entries(t, n, "/m/dir"))
	})
}
