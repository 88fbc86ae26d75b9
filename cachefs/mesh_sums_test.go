package cachefs_test

import (
	"bytes"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/piece"
	"github.com/millpond/millpond/tier"
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
			one := want[i*pieceSize : min((i+1)*pieceSize, len(want))]
			if i == meshBlock/2/pieceSize { // it came in three parts
				one = bytes.Clone(one)
				one[0] ^= 1
			}
			require.Equal(t, piece.Sum(one), sum, "piece %d", i)
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

// TestMeshTailDamaged: the same of a bit in a block's last piece, which is short, and of which no more is sent at a time.
func TestMeshTailDamaged(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		const length = 1<<20 + 10<<10
		r := openReaders(t, 3, func(_ int, c *cachefs.Config) { c.BlockSize = 2 << 20 })
		r.put("f", length)
		f, err := r.nodes[0].Stat(t.Context(), "/mem/f", nil)
		require.NoError(t, err)
		owner := 0
		for r.nodes[owner].ID() != cachefs.Owner(r.nodes[0], cachefs.Key(f)) {
			owner++
		}
		r.expect(owner, "f", cachefs.CachePromote)
		require.Len(t, cachefs.Sums(r.nodes[owner], cachefs.Key(f)), 17)
		cachefs.FlipAt(r.nodes[owner], cachefs.Key(f), length-1)
		second := r.nodes[(owner+1)%3]
		r.expect((owner+1)%3, "f", cachefs.CachePromote)
		time.Sleep(time.Second)
		require.EqualValues(t, 1, second.Metrics().PeerFailures)
		require.EqualValues(t, 1, r.nodes[owner].Metrics().Tiers.Tiers[0].Corrupt)
	})
}

// TestMeshDiskMisreads: the owner's disk flips a bit of what it has long given right, once or each time. Who reads a few bytes of it, or
// whole pieces, has the right ones.
func TestMeshDiskMisreads(t *testing.T) {
	for _, times := range []int64{1, 1 << 40} {
		bubbletest.Test(t, func(t *testing.T) { diskMisreads(t, times) })
	}
}

func diskMisreads(t *testing.T, times int64) {
	var left atomic.Int64
	c := cachefstest.New(t, 2, func(cfg *cachefs.Config) {
		cfg.FS = flipping(cfg.FS, &left)
		cfg.BlockSize = meshBlock
		cfg.Tiers = []tier.Config{{Kind: tier.SSD, Dirs: []tier.Dir{{Path: cfg.Dir + "/ssd", Quota: 64 << 20}}}}
	})
	time.Sleep(6 * time.Minute) // nobody is asked any more because he owned a block before
	want := content(7, meshBlock)
	putStore(t, c, "f", want)
	read := func(i, size int) {
		t.Helper()
		f, err := c.Nodes[i].Open(t.Context(), "/mem/f", &cachefs.OpenOptions{ReadType: cachefs.NoCache})
		require.NoError(t, err)
		defer f.Close()
		p := make([]byte, size)
		_, err = f.ReadAt(p, 3)
		require.NoError(t, err)
		require.NoError(t, same(p, want[3:][:size], 3))
	}
	info, err := c.Node().Stat(t.Context(), "/mem/f", nil)
	require.NoError(t, err)
	owner := slices.IndexFunc(c.Nodes, func(n *cachefs.Node) bool { return n.ID() == cachefs.Owner(n, cachefs.Key(info)) })
	require.NoError(t, same(readAll(t, c.Nodes[owner], "/mem/f"), want, 0))
	require.Zero(t, c.Nodes[1-owner].Metrics().Tiers.Tiers[0].Blocks)
	read(1-owner, meshBlock-3)
	for _, size := range []int{100, pieceSize + 100, meshBlock - 1000} {
		left.Store(times)
		read(1-owner, size)
		require.Less(t, left.Load(), times, "the owner was not asked for what its disk has")
		left.Store(0)
		require.NoError(t, same(readAll(t, c.Nodes[owner], "/mem/f"), want, 0)) // it has it again
		time.Sleep(time.Second)
	}
}
