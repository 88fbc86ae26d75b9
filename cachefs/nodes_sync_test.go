package cachefs_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
)

// TestSyncedOnce: nodes that sync one mount at the same time list each of its directories once, and all see what changed.
func TestSyncedOnce(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		s.fill(4)
		listAll := func() map[string]int {
			var seen sync.Map
			var all sync.WaitGroup
			for _, n := range s.rig.Living() {
				all.Go(func() {
					count := 0
					for _, err := range n.List(s.Context(), "/m", &cachefs.ListOptions{Recursive: true, Sync: true}) {
						if err == nil {
							count++
						}
					}
					seen.Store(n.ID(), count)
				})
			}
			all.Wait()
			counts := map[string]int{}
			seen.Range(func(id, count any) bool { counts[id.(string)] = count.(int); return true })
			return counts
		}
		s.store.OnCall(func(op, _ string) error {
			if op == "list" {
				time.Sleep(100 * time.Millisecond)
			}
			return nil
		})
		require.Equal(s, map[string]int{"a": 5, "b": 5, "c": 5}, listAll())
		require.NoError(s, putOutside(s.Context(), s.ufs, "d/new", []byte("x")))
		before := s.store.Calls()["list"]
		require.Equal(s, map[string]int{"a": 6, "b": 6, "c": 6}, listAll())
		require.Equal(s, 2, s.store.Calls()["list"]-before, "one for each directory")
	})
}

// TestNodeWithoutAccess: a node that lacks a mount's store says so, and sees and reads all of it by way of the others.
func TestNodeWithoutAccess(t *testing.T) {
	var mu sync.Mutex
	said := map[string]error{}
	overSeveral(t, 3, func(id string, cfg *cachefs.Config) {
		if id == "c" {
			cfg.Mounts = nil
		}
		cfg.Events.StoreUnavailable = func(m cachefs.MountInfo) {
			mu.Lock()
			defer mu.Unlock()
			said[id] = m.Err
		}
	}, func(s *several) {
		require.Len(s, said, 1)
		require.ErrorContains(s, said["c"], "give it in Config.Mounts")
		files, c := s.fill(4), s.nodes["c"]
		mounts, err := c.Mounts(s.Context())
		require.NoError(s, err)
		require.False(s, mounts[0].Available)
		require.Error(s, mounts[0].Err)

		require.NoError(s, same(readAll(s.T, c, "/m/d/3"), files["/m/d/3"], 0), "never seen by anybody")
		_, err = c.Stat(s.Context(), "/m/d/none", nil)
		require.ErrorIs(s, err, cachefs.ErrNotExist)
		var names []string
		for i, err := range c.List(s.Context(), "/m/d", nil) {
			require.NoError(s, err)
			names = append(names, i.Name())
		}
		require.Equal(s, []string{"0", "1", "2", "3"}, names)
		for path, data := range files {
			require.NoError(s, same(readAll(s.T, c, path), data, 0), path)
		}
		require.Zero(s, c.Metrics().StoreBytes)
		err = writeFile(s.Context(), c, "/m/d/new", []byte("x"), cachefs.CreateOptions{})
		require.ErrorContains(s, err, "give it in Config.Mounts", "what only this node could do says what is missing")
	})
}

// TestLookInAnElection: a node that lacks a mount's store has others look for it also while they elect a primary.
func TestLookInAnElection(t *testing.T) {
	overSeveral(t, 3, func(id string, cfg *cachefs.Config) {
		if id == "c" {
			cfg.Mounts = nil
		}
	}, func(s *several) {
		require.Equal(s, "a", s.rig.Primary().ID())
		s.crash("a")
		elected := 0
		for i := range 100 {
			if s.rig.Primary() != nil {
				elected++
			}
			_, err := s.nodes["c"].Stat(s.Context(), fmt.Sprint("/m/none", i), nil)
			require.ErrorIs(s, err, cachefs.ErrNotExist)
			time.Sleep(20 * time.Millisecond)
		}
		require.NotZero(s, elected)
		require.Less(s, elected, 100, "some were asked for before")
	})
}
