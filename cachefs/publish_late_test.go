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
)

// TestLatePublication: a node that is taken for dead in the middle of a publication finishes it when it wakes up. A file that
// was removed meanwhile does not come back, one that was written anew stays.
func TestLatePublication(t *testing.T) {
	for _, at := range []stage{midUpload, atCommit, afterCommit} {
		for _, again := range []bool{false, true} {
			if at == atCommit && again { // no store is asked whether it still has what was there before: see decisions
				continue
			}
			t.Run(fmt.Sprint(at, " ", again), func(t *testing.T) {
				bubbletest.Test(t, func(t *testing.T) { latePublication(t, at, again) })
			})
		}
	}
}

func latePublication(t *testing.T, at stage, again bool) {
	var g *gate
	var once sync.Once // nodes are opened side by side
	c := cachefstest.New(t, 3, func(cfg *cachefs.Config) {
		once.Do(func() { g = newGate(cfg.Mounts[0].Store) })
		cfg.Mounts[0].Store = g.ufs
	})
	late := (c.Primary() + 1) % 3
	reached, let := g.stop(at)
	defer let()
	require.NoError(t, writeFile(t.Context(), c.Nodes[late], "/mem/f", planned("1"), cachefs.CreateOptions{WriteType: cachefs.AsyncThrough}))
	<-reached
	c.Partition([]int{late}, []int{(late + 1) % 3, (late + 2) % 3})
	time.Sleep(20 * time.Second)
	other := c.Nodes[(late+2)%3] // the primary
	require.NoError(t, other.Remove(t.Context(), "/mem/f", nil))
	want := map[string]string{}
	if again {
		want["f"] = string(planned("2"))
		require.NoError(t, writeFile(t.Context(), other, "/mem/f", planned("2"), cachefs.CreateOptions{WriteType: cachefs.CacheThrough}))
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
