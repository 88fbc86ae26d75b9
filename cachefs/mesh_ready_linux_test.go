package cachefs_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/vfs/vfstest"
	"github.com/millpond/millpond/peer"
)

// readyOnDisk is readyNode with the blocks in files, below dir.
func readyOnDisk(t *testing.T) (r *readers, keys []peer.Key, blocks [][]byte, dir string) {
	vfstest.RequireCacheTold(t)
	r, keys, blocks = readyNode(t, func(_ int, c *cachefs.Config) { dir = onDisk(t, c) })
	require.Eventually(t, func() bool { return len(cachefs.Blocks(r.nodes[0])) == 2 }, 20*time.Second, time.Millisecond, "it keeps what it read")
	return r, keys, blocks, dir
}

// TestReadyFromThePageCache: whole pieces that lie in a file are served ready as long as they are in the page cache.
func TestReadyFromThePageCache(t *testing.T) {
	r, keys, blocks, dir := readyOnDisk(t)
	ready := []readyRange{{0, 0, meshBlock}, {0, 0, readyPiece}, {0, readyPiece, 2 * readyPiece}, {1, 0, readyPiece}, {1, 0, 100_000}}
	for _, at := range ready {
		requireReady(t, r.nodes[0], keys[at.block], at, blocks[at.block][at.off:at.off+at.n])
	}
	require.Zero(t, r.nodes[0].Metrics().Served.Memory)
	hits := r.nodes[0].Metrics().Tiers.Tiers[0].Hits
	for _, at := range []readyRange{
		{0, 0, 10}, {1, readyPiece, 100_000 - readyPiece}, // other answers may be on their way
		{0, 5, readyPiece}, {0, 0, readyPiece + 1}, // parts of a piece
		{1, 0, 2 * readyPiece}, {1, 2 * readyPiece, readyPiece}, {0, 0, 2 * meshBlock}, // beyond the end
	} {
		requireReady(t, r.nodes[0], keys[at.block], at, nil)
	}
	require.Equal(t, hits, r.nodes[0].Metrics().Tiers.Tiers[0].Hits, "what was refused is counted where it is sent")
	vfstest.DropCached(t, filepath.Join(dir, "data"))
	for _, at := range ready {
		requireReady(t, r.nodes[0], keys[at.block], at, nil)
	}
	cachefs.DropAll(r.nodes[0])
	requireReady(t, r.nodes[0], keys[0], ready[0], nil)
}

// TestReadyFromThePageCacheIsAskedOnce: a block that was served so counts as asked for once, and who keeps it is remembered.
func TestReadyFromThePageCacheIsAskedOnce(t *testing.T) {
	r, keys, _, _ := readyOnDisk(t)
	req := peer.BlockRequest{Key: keys[0], Length: meshBlock, Hint: cachefs.KeepsHint}
	_, ok, err := cachefs.ServeReady(t.Context(), r.nodes[0], req)
	require.NoError(t, err)
	require.True(t, ok)
	asks, holders := cachefs.Heat(r.nodes[0], keys[0])
	require.Equal(t, 1.0, asks)
	require.Equal(t, []string{"asks"}, holders)
}

// TestReadyThatFails ends its request: nobody else may begin it anew, and who asked keeps nothing.
func TestReadyThatFails(t *testing.T) {
	r, keys, _, _ := readyOnDisk(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, ok, _ := cachefs.ServeReady(gone, r.nodes[0], peer.BlockRequest{Key: keys[0], Length: meshBlock, Hint: cachefs.KeepsHint})
	require.True(t, ok)
	_, holders := cachefs.Heat(r.nodes[0], keys[0])
	require.Empty(t, holders)
}
