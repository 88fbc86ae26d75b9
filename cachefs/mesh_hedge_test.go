package cachefs_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/peer"
)

// sendSize is what a hedge asks for at most.
const sendSize = 256 << 10

// late is how long after it arrived a node looks at a request for a block, and at a question what became of it.
type late struct{ block, question time.Duration }

// delay makes nodes late. ended counts requests that were ended before they were looked at.
func (r *readers) delay(of map[int]late) (ended *atomic.Int64) {
	byID := map[string]late{}
	for i, l := range of {
		byID[r.nodes[i].ID()] = l
	}
	ended = new(atomic.Int64)
	r.mesh.Set(cachefs.Fake{Reading: func(ctx context.Context, _, to string, q *peer.BlockRequest) error {
		wait := byID[to].block
		if q == nil {
			wait = byID[to].question
		}
		select {
		case <-time.After(wait):
			return nil
		case <-ctx.Done():
			ended.Add(1)
			return context.Cause(ctx)
		}
	}})
	return ended
}

// warmReaders is three nodes; node 0 has read many small files of the others, and so knows how soon they are.
func warmReaders(t *testing.T) *readers {
	r := openReaders(t, 3)
	for i := range 150 {
		name := fmt.Sprint("f", i)
		r.put(name, 1000+i)
		r.expect(0, name, cachefs.CachePromote)
	}
	require.Zero(t, r.nodes[0].Metrics().PeerHedges)
	return r
}

// ofNode1 makes n files of one block that node 1 owns. Node 2 has copies, node 0 has not.
func (r *readers) ofNode1(n, size int) (names []string) {
	for i := 0; len(names) < n; i++ {
		name := fmt.Sprint("of1-", i)
		r.put(name, size+i)
		if r.ownedBy(1, name) > 0 {
			r.expect(2, name, cachefs.CachePromote)
			names = append(names, name)
		}
	}
	return names
}

// TestHedgeTakesTheCopy: an owner that is late is overtaken by a node that has a copy, whether it says that it works at it or says
// nothing; what it was asked for is ended, and the store is left alone.
func TestHedgeTakesTheCopy(t *testing.T) {
	for name, c := range map[string]struct{ late, want time.Duration }{
		"says that it works": {0, 20 * time.Millisecond},
		"says nothing":       {time.Minute, 40 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				r := warmReaders(t)
				files := r.ofNode1(2, sendSize+10_000)
				ended := r.delay(map[int]late{1: {time.Minute, c.late}})
				before := r.sent()
				for i, name := range files[:2] {
					began := time.Now()
					r.expect(0, name, cachefs.CachePromote)
					require.Equal(t, c.want, time.Since(began))
					synctest.Wait()
					m := r.nodes[0].Metrics()
					require.EqualValues(t, i+1, m.PeerHedges)
					require.EqualValues(t, i+1, m.PeerHedgesWon)
				}
				require.GreaterOrEqual(t, ended.Load(), int64(2), "the late requests were ended")
				require.Equal(t, before, r.sent())
				m := r.nodes[0].Metrics()
				require.EqualValues(t, m.StoreBytes+m.PeerBytes, r.held(0), "each byte came once")
			})
		})
	}
}

// held is how many bytes node i has.
func (r *readers) held(i int) (n int64) {
	for _, b := range cachefs.Blocks(r.nodes[i]) {
		n += b.Len
	}
	return n
}

// TestHedgeLoses: the late one's first bytes end the request for the copy, though the others are still on their way.
func TestHedgeLoses(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r := warmReaders(t)
		files := r.ofNode1(1, 200_000)
		reader, owner := r.nodes[0].ID(), r.nodes[1].ID()
		ended := r.delay(map[int]late{1: {30 * time.Millisecond, 0}, 2: {time.Minute, 0}})
		slow := r.mesh.Fake()
		pieces := 0
		slow.Bytes = func(from, to string, _ []byte) {
			if from == reader && to == owner {
				time.Sleep(time.Duration(pieces) * 100 * time.Millisecond)
				pieces++
			}
		}
		r.mesh.Set(slow)
		began := time.Now()
		r.readAt(0, files[0], 0, 100)
		require.Equal(t, 30*time.Millisecond, time.Since(began))
		synctest.Wait()
		m := r.nodes[0].Metrics()
		require.EqualValues(t, 1, m.PeerHedges)
		require.Zero(t, m.PeerHedgesWon)
		require.EqualValues(t, 1, ended.Load())
		r.expect(0, files[0], cachefs.CachePromote)
		require.EqualValues(t, 4, pieces)
	})
}

// TestHedgeSpares: nobody else is asked instead of an owner that waits for its store.
func TestHedgeSpares(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r := warmReaders(t)
		r.store.OnCall(func(_, _ string) error {
			time.Sleep(time.Second)
			return nil
		})
		for i := range 20 {
			name := fmt.Sprint("cold", i)
			r.put(name, 1000)
			r.expect(0, name, cachefs.CachePromote)
		}
		require.Zero(t, r.nodes[0].Metrics().PeerHedges)
	})
}

// TestHedgeBudget: where all are late now and then there are at most 5 % more requests.
func TestHedgeBudget(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r := warmReaders(t)
		files := r.ofNode1(1, 1000)
		var requests atomic.Int64
		r.mesh.Set(cachefs.Fake{Reading: func(ctx context.Context, _, _ string, q *peer.BlockRequest) error {
			if q != nil && requests.Add(1)%3 == 0 {
				time.Sleep(50 * time.Millisecond)
			}
			return ctx.Err()
		}})
		for range 2000 {
			r.expect(0, files[0], cachefs.NoCache)
		}
		m := r.nodes[0].Metrics()
		require.Greater(t, m.PeerHedges, uint64(50))
		require.LessOrEqual(t, float64(m.PeerHedges), 0.05*float64(requests.Load()-int64(m.PeerHedges))+10)
	})
}

// TestHedgeLeavesOutWhoWaits: an owner that brings a block for a reader does not ask that one for it when the owner before it is late,
// and the reader does not go to the store beside it.
func TestHedgeLeavesOutWhoWaits(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r := warmReaders(t)
		owner, before, reader := r.nodes[0].ID(), r.nodes[1].ID(), r.nodes[2].ID()
		r.put("f", 1000)
		var toReader atomic.Int64
		r.mesh.Set(cachefs.Fake{
			Owners:   func(string, peer.Key) []string { return []string{owner, reader, before} },
			Previous: func(self string, _ peer.Key) (string, bool) { return before, self == owner },
			Reading: func(ctx context.Context, from, to string, q *peer.BlockRequest) error {
				switch {
				case from == owner && to == reader && q != nil:
					toReader.Add(1)
				case from == owner && to == before && q != nil:
					select {
					case <-time.After(time.Second):
					case <-ctx.Done():
						return context.Cause(ctx)
					}
				}
				return nil
			},
		})
		sent := r.sent()
		r.expect(2, "f", cachefs.CachePromote)
		require.Zero(t, toReader.Load(), "requests to who waits")
		require.EqualValues(t, 1000, r.sent()-sent, "bytes from the store")
	})
}

// TestPlainRequestUrgesNobody: who asks for a copy and brings nothing itself does not wait with a fill of its own, so what the peer has
// asked of it goes on.
func TestPlainRequestUrgesNobody(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r := warmReaders(t)
		low, high := 0, 1
		if r.nodes[low].ID() > r.nodes[high].ID() {
			low, high = high, low
		}
		lowID, highID := r.nodes[low].ID(), r.nodes[high].ID()
		r.put("f", 1000)
		r.mesh.Set(cachefs.Fake{
			Owners: func(self string, _ peer.Key) []string { // each takes the other for the owner
				if self == lowID {
					return []string{highID, lowID}
				}
				return []string{lowID, highID}
			},
			Reading: func(_ context.Context, _, to string, q *peer.BlockRequest) error {
				if to == highID && q != nil {
					time.Sleep(10 * time.Millisecond)
				}
				return nil
			},
		})
		var reading sync.WaitGroup
		before := r.nodes[low].Metrics().StoreBytes
		reading.Go(func() { r.expect(low, "f", cachefs.CachePromote) })
		synctest.Wait()
		r.expect(high, "f", cachefs.NoCache)
		reading.Wait()
		require.Equal(t, before, r.nodes[low].Metrics().StoreBytes)
	})
}
