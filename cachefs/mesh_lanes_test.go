package cachefs_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/netsim"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/ufs/memufs"
)

// TestManyReadsThatWaitForASlowStore: as many small reads as a node may have under way at another that brings them slowly take
// nothing from the questions what became of them, nor from changes.
func TestManyReadsThatWaitForASlowStore(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		network := netsim.New(1)
		r := openReadersOver(t, memufs.New(&memufs.Options{Latency: 3 * time.Second}), 0)
		r.mesh = nil
		for k := range 500 {
			r.put(fmt.Sprint("f", k), 1000+k)
		}
		for i := range 2 {
			openMeshNode(t, r, network, i)
		}
		var all sync.WaitGroup
		total := 0
		for name, p := range r.files {
			total += len(p)
			all.Go(func() {
				_, err := r.nodes[1].Stat(t.Context(), "/mem/"+name, nil)
				require.NoError(t, err)
			})
		}
		all.Wait()
		for name := range r.files {
			all.Go(func() { r.expect(1, name, cachefs.CachePromote) })
		}
		time.Sleep(time.Second)
		begun := time.Now()
		for i, n := range r.nodes {
			require.NoError(t, n.Mkdir(t.Context(), fmt.Sprint("/d", i), nil))
		}
		require.Less(t, time.Since(begun), time.Second)
		all.Wait()
		require.EqualValues(t, total, r.sent())
		require.Zero(t, r.nodes[1].Metrics().PeerFailures)
	})
}

// openListers opens two nodes of one mesh over a slow store of so many directories.
func openListers(t *testing.T, dirs int) *readers {
	network := netsim.New(1)
	r := openReadersOver(t, memufs.New(&memufs.Options{Latency: 8 * time.Second}), 0)
	r.mesh = nil
	for k := range dirs {
		r.store.Put(fmt.Sprintf("d%d/f", k), nil)
	}
	for i := range 2 {
		openMeshNode(t, r, network, i)
	}
	return r
}

// TestManyListsThatWaitForASlowStore: directories that a node lists for another at the same time are listed once, for it is not taken for
// silent while it lists: there is a place for the question whether it is there.
func TestManyListsThatWaitForASlowStore(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		const dirs = 320 // more than 128 at each node
		r := openListers(t, dirs)
		var all sync.WaitGroup
		for k := range dirs {
			for _, n := range r.nodes {
				all.Go(func() {
					for _, err := range n.List(t.Context(), fmt.Sprintf("/mem/d%d", k), nil) {
						require.NoError(t, err)
					}
				})
			}
		}
		all.Wait()
		require.Equal(t, dirs, r.store.Calls()["list"])
	})
}

// TestMoreListsThanANodeTakesAtATime: those beyond wait for those before them, and nothing else does.
func TestMoreListsThanANodeTakesAtATime(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		const dirs = 1200 // of which each node lists some 600 for the other
		r := openListers(t, dirs)
		var all sync.WaitGroup
		each := func(do func(n *cachefs.Node, path string)) {
			for k := range dirs {
				for _, n := range r.nodes {
					all.Go(func() { do(n, fmt.Sprintf("/mem/d%d", k)) })
				}
			}
		}
		each(func(n *cachefs.Node, path string) {
			_, err := n.Stat(t.Context(), path, nil)
			require.NoError(t, err)
		})
		all.Wait()
		each(func(n *cachefs.Node, path string) {
			for _, err := range n.List(t.Context(), path, nil) {
				require.NoError(t, err)
			}
		})
		time.Sleep(time.Second)
		begun := time.Now()
		for i, n := range r.nodes {
			require.NoError(t, n.Mkdir(t.Context(), fmt.Sprint("/d", i), nil))
		}
		require.Less(t, time.Since(begun), time.Second)
		all.Wait()
		require.Equal(t, dirs, r.store.Calls()["list"])
	})
}

// TestMoreCallsThanANodeTakesOfAClient: a node is not taken for silent by a Client that asks it for more than it takes at a time.
func TestMoreCallsThanANodeTakesOfAClient(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		const files = 700
		network := netsim.New(1)
		r := openReadersOver(t, memufs.New(&memufs.Options{Latency: 8 * time.Second}), 0)
		r.mesh = nil
		for k := range files {
			r.store.Put(fmt.Sprint("f", k), nil)
		}
		openMeshNode(t, r, network, 0)
		c, err := cachefs.Dial(t.Context(), cachefs.DialConfig{Mesh: peer.DialConfig{
			Addresses: []string{meshHost(0) + ":7946"}, Secret: meshSecret, Network: network.Host(meshHost(1)),
		}})
		require.NoError(t, err)
		defer c.Close()
		before := r.store.Calls()["stat"]
		var all sync.WaitGroup
		for k := range files {
			all.Go(func() {
				_, err := c.Stat(t.Context(), fmt.Sprintf("/mem/f%d", k), nil)
				require.NoError(t, err)
			})
		}
		all.Wait()
		require.Equal(t, files, r.store.Calls()["stat"]-before)
	})
}
