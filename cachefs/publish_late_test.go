package cachefs_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
)

// lately is what becomes of a file while its publication is late.
type lately string

const (
	removed  lately = "removed"
	anew     lately = "removed and written anew"
	replaced lately = "replaced, as it was before" // the late publication itself replaces one that was there
)

// TestLatePublication: a node that is taken for dead in the middle of a publication finishes it when it wakes up. A file that
// was removed meanwhile does not come back, one that was written since stays.
func TestLatePublication(t *testing.T) {
	for _, c := range []struct {
		name string
		caps driver.Caps
		at   []stage
		then []lately
	}{
		// Nothing keeps the older bytes out of a directory where they replace a version: see decisions.
		{"directory", memufs.Directory(), []stage{midUpload, atCommit, afterCommit}, []lately{removed, anew}},
		{"bucket", memufs.Bucket(), []stage{atCommit}, []lately{anew, replaced}},
	} {
		for _, at := range c.at {
			for _, then := range c.then {
				t.Run(fmt.Sprint(c.name, "/", at, "/", then), func(t *testing.T) {
					bubbletest.Test(t, func(t *testing.T) { latePublication(t, c.caps, at, then) })
				})
			}
		}
	}
}

func latePublication(t *testing.T, caps driver.Caps, at stage, then lately) {
	g := newGate(memufs.New(&memufs.Options{Caps: &caps}).UFS())
	c := cachefstest.New(t, 3, func(cfg *cachefs.Config) { cfg.Mounts[0].Store = g.ufs })
	late := (c.Primary() + 1) % 3
	through := cachefs.CreateOptions{WriteType: cachefs.CacheThrough, Overwrite: true}
	if then == replaced {
		require.NoError(t, writeFile(t.Context(), c.Nodes[late], "/mem/f", planned("0"), through))
	}
	reached, let := g.stop(at)
	defer let()
	require.NoError(t, writeFile(t.Context(), c.Nodes[late], "/mem/f", planned("1"), cachefs.CreateOptions{WriteType: cachefs.AsyncThrough, Overwrite: true}))
	<-reached
	c.Partition([]int{late}, []int{(late + 1) % 3, (late + 2) % 3})
	time.Sleep(20 * time.Second)
	other := c.Nodes[(late+2)%3] // the primary
	if then != replaced {
		require.NoError(t, other.Remove(t.Context(), "/mem/f", nil))
	}
	want := map[string]string{}
	again := then != removed
	if again {
		want["f"] = string(planned("2"))
		require.NoError(t, writeFile(t.Context(), other, "/mem/f", planned("2"), through))
	}
	c.Heal()
	time.Sleep(10 * time.Second)
	let()
	time.Sleep(time.Minute)
	for _, n := range c.Nodes {
		info, err := n.Stat(t.Context(), "/mem/f", &cachefs.StatOptions{Consistent: true, Sync: true})
		if !again {
			require.ErrorIs(t, err, cachefs.ErrNotExist, n.ID())
			continue
		}
		require.NoError(t, err)
		require.EqualValues(t, len(planned("2")), info.Size())
	}
	require.Equal(t, want, g.content(t))
}

// TestLatePublicationIsFound: what was published late has been found in the store, as a file like any other, before its publisher hears
// that it was taken for dead. It stays.
func TestLatePublicationIsFound(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		var g *gate
		var once sync.Once
		c := cachefstest.New(t, 3, func(cfg *cachefs.Config) {
			once.Do(func() { g = newGate(cfg.Mounts[0].Store) })
			cfg.Mounts[0].Store = g.ufs
		})
		late := (c.Primary() + 1) % 3
		reached, let := g.stop(atCommit)
		defer let()
		require.NoError(t, writeFile(t.Context(), c.Nodes[late], "/mem/f", planned("1"), cachefs.CreateOptions{WriteType: cachefs.AsyncThrough}))
		<-reached
		c.Partition([]int{late}, []int{(late + 1) % 3, (late + 2) % 3})
		time.Sleep(20 * time.Second)
		other := c.Nodes[(late+2)%3] // the primary
		require.NoError(t, other.Remove(t.Context(), "/mem/f", nil))
		let()
		time.Sleep(time.Second)
		_, err := other.Stat(t.Context(), "/mem/f", &cachefs.StatOptions{Sync: true})
		require.NoError(t, err)
		c.Heal()
		time.Sleep(time.Minute)
		for _, n := range c.Nodes {
			require.NoError(t, same(readAll(t, n, "/mem/f"), planned("1"), 0), n.ID())
		}
		require.Equal(t, map[string]string{"f": string(planned("1"))}, g.content(t))
	})
}
