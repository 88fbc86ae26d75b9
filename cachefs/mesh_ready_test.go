package cachefs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

const readyPiece = tier.PieceSize

// readyNode is a node that has a block of meshBlock bytes, and one of 100,000.
func readyNode(t *testing.T, configure ...func(i int, c *cachefs.Config)) (r *readers, keys []peer.Key, blocks [][]byte) {
	r = openReaders(t, 1, configure...)
	f := r.put("f", meshBlock+100_000)
	r.expect(0, "f", cachefs.CachePromote)
	info, err := r.nodes[0].Stat(t.Context(), "/mem/f", nil)
	require.NoError(t, err)
	keys = []peer.Key{cachefs.Key(info), peer.Key(tier.NewBlockID(info.FileID(), 1))}
	return r, keys, [][]byte{f[:meshBlock], f[meshBlock:]}
}

// readyRange is a range of one of readyNode's blocks.
type readyRange struct{ block, off, n int }

// requireReady has a node serve a range ready, or refuse to: then nothing is counted.
func requireReady(t *testing.T, n *cachefs.Node, key peer.Key, at readyRange, want []byte) {
	t.Helper()
	served := n.Metrics().Served
	asks, _ := cachefs.Heat(n, key)
	got, ok, err := cachefs.ServeReady(t.Context(), n, peer.BlockRequest{Key: key, Off: int64(at.off), Length: int64(at.n)})
	require.NoError(t, err)
	require.Equal(t, want != nil, ok, "%+v", at)
	require.Equal(t, want, append([]byte(nil), got...), "%+v", at)
	now := n.Metrics().Served
	require.EqualValues(t, len(want), now.Memory+now.Disk-served.Memory-served.Disk, "%+v", at)
	if want == nil {
		then, _ := cachefs.Heat(n, key)
		require.Equal(t, asks, then, "%+v: who sends it another way counts it", at)
	}
}

// TestReadyFromMemory: small ranges are served ready, and whole pieces.
func TestReadyFromMemory(t *testing.T) {
	r, keys, blocks := readyNode(t)
	for _, at := range []readyRange{{0, 5, 10}, {0, 0, meshBlock}, {0, readyPiece, 2 * readyPiece}, {1, 0, 100_000}, {1, readyPiece + 5, 10}} {
		requireReady(t, r.nodes[0], keys[at.block], at, blocks[at.block][at.off:at.off+at.n])
	}
	for _, at := range []readyRange{{0, 5, readyPiece}, {0, 0, readyPiece + 1}, {1, 0, 100_001}, {1, 99_999, 2}} {
		requireReady(t, r.nodes[0], keys[at.block], at, nil)
	}
	require.Zero(t, r.nodes[0].Metrics().Served.Disk)
}
