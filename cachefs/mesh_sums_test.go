package cachefs_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
)

const pieceSize = 64 << 10

// TestMeshSumsComeAlong: who got a block from a peer keeps the sums that it came with, of whole pieces.
func TestMeshSumsComeAlong(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r := openReaders(t, 2)
		want := r.put("f", meshBlock-100)
		f, err := r.nodes[0].Stat(t.Context(), "/mem/f", nil)
		require.NoError(t, err)
		reader := 0
		if r.ownedBy(0, "f") > 0 {
			reader = 1
		}
		r.expect(1-reader, "f", cachefs.CachePromote)
		r.readAt(reader, "f", meshBlock/2+10, 100) // around which the rest comes
		time.Sleep(time.Second)
		require.Zero(t, r.nodes[reader].Metrics().StoreBytes)
		cachefs.Flip(r.nodes[reader], cachefs.Key(f)) // so that none that is made now is right
		known := cachefs.Sums(r.nodes[reader], cachefs.Key(f))
		require.Len(t, known, 8)
		for i, sum := range known {
			piece := want[i*pieceSize : min((i+1)*pieceSize, len(want))]
			if i == meshBlock/2/pieceSize { // it came in three parts
				piece = bytes.Clone(piece)
				piece[0] ^= 1
			}
			require.Equal(t, xxhash.Sum64(piece), sum, "piece %d", i)
		}
	})
}

// readAt reads n bytes of a file from off on through node i.
func (r *readers) readAt(i int, name string, off int64, n int) {
	r.t.Helper()
	f, err := r.nodes[i].Open(r.t.Context(), "/mem/"+name, nil)
	require.NoError(r.t, err)
	p := make([]byte, n)
	_, err = f.ReadAt(p, off)
	require.NoError(r.t, err)
	require.Equal(r.t, r.files[name][off:off+int64(n)], p)
	require.NoError(r.t, f.Close())
}

// TestMeshMemoryDamaged: a bit that flips in the owner's memory, after it sent the block once, is seen by the next who reads it. He has
// right bytes all the same, and the owner drops its own.
func TestMeshMemoryDamaged(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r := openReaders(t, 4)
		r.put("f", meshBlock)
		f, err := r.nodes[0].Stat(t.Context(), "/mem/f", nil)
		require.NoError(t, err)
		owner := 0
		for r.ownedBy(owner, "f") == 0 {
			owner++
		}
		first, second := (owner+1)%4, (owner+2)%4
		r.expect(first, "f", cachefs.CachePromote) // as it arrives
		r.expect((owner+3)%4, "f", cachefs.CachePromote)
		require.Zero(t, r.nodes[second].Metrics().PeerFailures)
		cachefs.Flip(r.nodes[owner], cachefs.Key(f))
		r.expect(second, "f", cachefs.CachePromote)
		time.Sleep(time.Second)
		require.EqualValues(t, 1, r.nodes[second].Metrics().PeerFailures)
		require.EqualValues(t, 1, r.nodes[owner].Metrics().Tiers.Tiers[0].Corrupt)
	})
}
