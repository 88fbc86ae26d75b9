package cachefs_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/peer"
)

// TestReadAheadAsksSeveralOwners: one sequential reader has blocks on their way from all owners at the same time.
func TestReadAheadAsksSeveralOwners(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r := openReaders(t, 5)
		r.put("f", 40*meshBlock)
		reader := r.nodes[0].ID()
		var mu sync.Mutex
		asked, most := map[string]int{}, 0
		r.mesh.Set(cachefs.Fake{Reading: func(ctx context.Context, from, to string, b *peer.BlockRequest) error {
			if from != reader || b == nil || r.mesh.Ring(b.Key)[0] != to { // a hedge asks another
				return nil
			}
			mu.Lock()
			asked[to]++
			owners := 0
			for _, n := range asked {
				owners += min(n, 1)
			}
			most = max(most, owners)
			mu.Unlock()
			time.Sleep(10 * time.Millisecond)
			mu.Lock()
			asked[to]--
			mu.Unlock()
			return nil
		}})
		began := time.Now()
		r.expect(0, "f", cachefs.CachePromote)
		took := time.Since(began)
		require.Equal(t, 4, most, "owners that were asked at the same time")
		require.Less(t, took, 40*4/5*10*time.Millisecond/3, "one after the other it takes three times as long and more")
	})
}
