package cachefs_test

import (
	"fmt"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs/memufs"
)

// What somebody else does to a store shows by the mount's policy: never, after the age, at once; and whatever the
// policy, to who asks for it.
func TestSyncPolicies(t *testing.T) {
	for _, c := range cachefstest.Strangers() {
		for name, policy := range map[string]time.Duration{"never": cachefs.SyncNever, "after a minute": time.Minute, "always": cachefs.SyncAlways} {
			t.Run(c.Name+"/"+name, func(t *testing.T) {
				bubbletest.Test(t, func(t *testing.T) {
					cl := cachefstest.New(t, 1, func(cfg *cachefs.Config) { cfg.Mounts[0].Sync = policy })
					n, s := cl.Node(), cl.Store.UFS()
					for key, text := range c.Before {
						cachefstest.Put(t, s, key, text)
					}
					path := cachefstest.MountPath + "/" + c.Key
					at := func() string { return cachefstest.At(t, n, path) }
					was := at()
					c.Do(t, s, "")
					time.Sleep(30 * time.Second)
					if soon := at(); policy == cachefs.SyncAlways {
						require.Equal(t, c.Now, soon)
					} else {
						require.Equal(t, was, soon, "believed for half the age")
					}
					time.Sleep(31 * time.Second)
					if late := at(); policy == cachefs.SyncNever {
						require.Equal(t, was, late)
					} else {
						require.Equal(t, c.Now, late)
					}
					_, err := n.Stat(t.Context(), path, &cachefs.StatOptions{Sync: true})
					require.Equal(t, c.Now == "gone", err != nil, "%v", err)
					require.Equal(t, c.Now, at(), "after a look that was asked for")
				})
			})
		}
	}
}

// What is known costs no call while the policy believes it, and one call when it does not: also what is not there.
func TestLooksAreCounted(t *testing.T) {
	for name, c := range map[string]struct {
		policy     time.Duration
		soon, late int // calls to the store for one more Stat of each
	}{"never": {cachefs.SyncNever, 0, 0}, "after a minute": {time.Minute, 0, 1}, "always": {cachefs.SyncAlways, 1, 1}} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				cl := cachefstest.New(t, 1, func(cfg *cachefs.Config) { cfg.Mounts[0].Sync = c.policy })
				n := cl.Node()
				cachefstest.Put(t, cl.Store.UFS(), "d/f", "x")
				looks := func(path string) int {
					before := total(cl.Store.Calls())
					n.Stat(t.Context(), path, nil)
					synctest.Wait() // what is remembered of it is remembered behind
					return total(cl.Store.Calls()) - before
				}
				for _, path := range []string{"/mem/d/f", "/mem/d/none", "/mem/none/none"} {
					require.LessOrEqual(t, looks(path), 2, "first look at %s: the name, or a page of its directory", path)
					require.Equal(t, c.soon, looks(path), "%s, known", path)
					time.Sleep(61 * time.Second)
					require.Equal(t, c.late, looks(path), "%s, a minute later", path)
					require.Equal(t, c.soon, looks(path), "%s, known again", path)
				}
			})
		})
	}
}

func total(calls map[string]int) (n int) {
	for _, c := range calls {
		n += c
	}
	return n
}

// A tree of 100,000 entries is brought up to date by listings alone, a page at a time: no Stat, and memory that does not
// grow with the tree beyond what its inodes take.
func TestRecursiveSyncOfAWideTree(t *testing.T) {
	if testing.Short() {
		t.Skip("lists 100,000 entries")
	}
	const dirs, files = 100, 1000
	src := memufs.New(nil)
	for d := range dirs {
		for f := range files {
			cachefstest.Put(t, src.UFS(), fmt.Sprintf("d%03d/f%04d", d, f), "")
		}
	}
	n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/mem", Store: src.UFS()}}})
	require.NoError(t, err)
	defer n.Close()
	walk := func() int {
		seen := 0
		for _, err := range n.List(t.Context(), "/mem", &cachefs.ListOptions{Recursive: true, Sync: true}) {
			require.NoError(t, err)
			seen++
		}
		return seen
	}
	require.Equal(t, dirs*(files+1), walk())
	before := heap()
	calls := src.Calls()
	require.Equal(t, dirs*(files+1), walk())
	grown := heap() - before
	require.Less(t, grown, int64(8<<20), "bytes of heap kept by another sync")
	after := src.Calls()
	require.Equal(t, calls["stat"], after["stat"], "no stat")
	require.LessOrEqual(t, after["list"]-calls["list"], dirs+1, "a page or so a directory")
}

// heap is what is alive on the heap, in bytes. What cleanups let go, as nodes of tests before do, goes with a collection after the one that runs them.
func heap() int64 {
	least := int64(math.MaxInt64)
	for {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if int64(m.HeapAlloc) > least-(64<<10) {
			return int64(m.HeapAlloc)
		}
		least = int64(m.HeapAlloc)
	}
}

// Mounts nest: each path is its deepest mount's, and a change stays in its own store.
func TestNestedMounts(t *testing.T) {
	inner := memufs.New(nil)
	c := cachefstest.New(t, 1)
	n := c.Node()
	putStore(t, c, "d/outer", []byte("outer"))
	cachefstest.Put(t, inner.UFS(), "f", "inner")
	require.NoError(t, n.Mount(t.Context(), "/mem/d/in", "", &cachefs.MountOptions{Store: inner.UFS(), ReadOnly: true}))
	require.Equal(t, "inner", string(readAll(t, n, "/mem/d/in/f")))
	require.Equal(t, "outer", string(readAll(t, n, "/mem/d/outer")))
	var names []string
	for info, err := range n.List(t.Context(), "/mem", &cachefs.ListOptions{Recursive: true, Sync: true}) {
		require.NoError(t, err)
		names = append(names, info.Path())
	}
	require.Equal(t, []string{"/mem/d", "/mem/d/in", "/mem/d/in/f", "/mem/d/outer"}, names, "a listing of the outer store leaves the mount")
	require.ErrorIs(t, n.Remove(t.Context(), "/mem/d/in/f", nil), cachefs.ErrReadOnly)
	require.ErrorIs(t, n.Rename(t.Context(), "/mem/d/outer", "/mem/d/in/x", nil), cachefs.ErrCrossMount)
	err := n.Mount(t.Context(), "/mem/d/in/deeper", "mem://deeper", nil)
	require.ErrorIs(t, err, cachefs.ErrReadOnly)
	require.ErrorContains(t, err, "outside of the read-only mount")
	err = n.Remove(t.Context(), "/mem/d", &cachefs.RemoveOptions{Recursive: true})
	require.ErrorIs(t, err, cachefs.ErrInvalid)
	require.ErrorContains(t, err, "/mem/d/in is mounted below it")
	require.ErrorIs(t, n.Unmount(t.Context(), "/mem", nil), cachefs.ErrInvalid)
	require.NoError(t, n.Remove(t.Context(), "/mem/d", &cachefs.RemoveOptions{Recursive: true, Mounts: true}))
	_, err = inner.UFS().Stat(t.Context(), "f")
	require.NoError(t, err, "the inner store is left alone")
	_, err = c.Store.UFS().Stat(t.Context(), "d")
	require.ErrorIs(t, err, cachefs.ErrNotExist)
}
