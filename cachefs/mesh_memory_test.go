package cachefs_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/memtest"
	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/peer"
)

// TestPeersThatWaitForAStoreTakeNoBuffers: a node that many others ask for cold blocks has room for their bytes when these have come.
func TestPeersThatWaitForAStoreTakeNoBuffers(t *testing.T) {
	if racetest.On {
		t.Skip("the race detector's memory is not this process's")
	}
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
