package cachefs_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

// TestOwnersOldAndNewDoNotWaitForEachOther: while the ring has just changed, the owner of a block asks the one before for it, which asks the owner for
// what it lacks itself. So it is where the owner's copy has left between two parts of what the other one brings.
func TestOwnersOldAndNewDoNotWaitForEachOther(t *testing.T) {
	for _, lower := range []bool{true, false} {
		t.Run(fmt.Sprintf("lower id %v", lower), func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) { oldAndNewOwner(t, lower) })
		})
	}
}

func oldAndNewOwner(t *testing.T, lower bool) {
	const block, head, headLen = 4 << 20, 1 << 20, 256 << 10
	r := openReaders(t, 2, func(_ int, c *cachefs.Config) { c.BlockSize = block })
	owner, other, name := r.ownedByOne(lower, block)
	fake := r.mesh.Fake()
	fake.Previous = func(string, peer.Key) (string, bool) { return other.ID(), true }
	var again sync.Once
	var reading sync.WaitGroup
	fake.Reading = func(ctx context.Context, from, _ string, q *peer.BlockRequest) error {
		if q == nil || from != other.ID() || q.Off != head+headLen {
			return nil
		}
		again.Do(func() {
			if err := owner.Free(t.Context(), "/mem/"+name, nil); err != nil {
				t.Error(err)
			}
			reading.Go(func() { r.expect(r.index(owner), name, cachefs.CachePromote) })
			time.Sleep(10 * time.Millisecond) // it has what the other one has
		})
		return nil
	}
	r.mesh.Set(fake)
	begun := time.Now()
	f, err := other.Open(t.Context(), "/mem/"+name, nil)
	require.NoError(t, err)
	defer f.Close()
	p := make([]byte, headLen)
	_, err = f.ReadAt(p, head)
	require.NoError(t, err)
	require.Equal(t, r.files[name][head:head+headLen], p)
	r.expect(r.index(other), name, cachefs.CachePromote)
	reading.Wait()
	require.Less(t, time.Since(begun), 500*time.Millisecond, "one waited for the other")
	require.Zero(t, owner.Metrics().PeerFailures+other.Metrics().PeerFailures)
}

// ownedByOne makes a file of a block that the node with the lower id owns, or the other one.
func (r *readers) ownedByOne(lower bool, size int) (owner, other *cachefs.Node, name string) {
	owner, other = r.nodes[0], r.nodes[1]
	if (owner.ID() < other.ID()) != lower {
		owner, other = other, owner
	}
	for i := 0; ; i++ {
		name = fmt.Sprint("f", i)
		r.put(name, size)
		info, err := owner.Stat(r.t.Context(), "/mem/"+name, nil)
		require.NoError(r.t, err)
		if r.mesh.Ring(peer.Key(tier.NewBlockID(info.FileID(), 0)))[0] == owner.ID() {
			return owner, other, name
		}
	}
}

func (r *readers) index(n *cachefs.Node) int {
	if n == r.nodes[0] {
		return 0
	}
	return 1
}
