package cachefs_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/memtest"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

// TestPeersThatWaitForAStoreTakeNoBuffers: a node that many others ask for cold blocks has room for their bytes when these have come.
func TestPeersThatWaitForAStoreTakeNoBuffers(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		const files = 100
		r := openReaders(t, 2)
		owner := r.nodes[1].ID()
		fake := r.mesh.Fake()
		fake.Owners = func(string, peer.Key) []string { return []string{owner} }
		r.mesh.Set(fake)
		for i := range files {
			name := fmt.Sprint("f", i)
			r.put(name, meshBlock)
			_, err := r.nodes[0].Stat(t.Context(), "/mem/"+name, nil)
			require.NoError(t, err)
		}
		answer := make(chan struct{})
		r.store.OnCall(func(op, _ string) error {
			if op == "open" {
				<-answer
			}
			return nil
		})
		memtest.InUse() // what other tests have left needs two collections to go
		before := memtest.InUse()
		var all sync.WaitGroup
		for i := range files {
			all.Go(func() { r.expect(0, fmt.Sprint("f", i), 0) })
		}
		synctest.Wait()
		took := memtest.InUse() - before
		close(answer)
		all.Wait()
		t.Logf("%d bytes for each of %d reads", took/files, files)
		require.Less(t, took, int64(files*128<<10))
	})
}

// TestOwnerWithoutRoomBringsAllTheSame: it sends what it cannot keep, and who asked does not go to the store.
func TestOwnerWithoutRoomBringsAllTheSame(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r := openReaders(t, 2, func(i int, c *cachefs.Config) {
			if i == 1 {
				c.Tiers = []tier.Config{{Kind: tier.Memory, Size: 2 * meshBlock}}
			}
		})
		owner := r.nodes[1].ID()
		fake := r.mesh.Fake()
		fake.Owners = func(string, peer.Key) []string { return []string{owner} }
		r.mesh.Set(fake)
		w, err := r.nodes[1].Create(t.Context(), "/held", &cachefs.CreateOptions{WriteType: cachefs.MustCache})
		require.NoError(t, err)
		_, err = w.Write(make([]byte, 2*meshBlock))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		r.put("f", 2*meshBlock)
		r.expect(0, "f", cachefs.CachePromote)
		require.Zero(t, r.nodes[0].Metrics().StoreBytes)
		require.EqualValues(t, 2*meshBlock, r.nodes[1].Metrics().StoreBytes)
	})
}
