package cachefs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs/memufs"
)

// onDisk gives a node a disk of the operating system as its one tier, and returns the directory.
func onDisk(t *testing.T, c *cachefs.Config) (dir string) {
	dir = filepath.Join(t.TempDir(), "ssd")
	c.Tiers = []tier.Config{{Kind: tier.SSD, Size: 64 << 20, Dirs: []tier.Dir{{Path: dir}}}}
	return dir
}

// openOnDisks opens two nodes on the loopback that are on disks, and returns their directories.
func openOnDisks(t *testing.T) (r *readers, dirs []string) {
	r = openReadersOver(t, memufs.New(nil), 0)
	for range 2 {
		c := r.config()
		dirs = append(dirs, onDisk(t, &c))
		c.Mesh = &peer.Config{Secret: meshSecret}
		if len(r.nodes) > 0 {
			info, err := r.nodes[0].Cluster(t.Context())
			require.NoError(t, err)
			c.Mesh.Join = []string{info.Peers[0].Addr}
		}
		r.open(c)
	}
	require.Eventually(t, func() bool { return r.nodes[0].Metrics().Mesh.RingMembers == 2 }, 10*time.Second, 10*time.Millisecond)
	return r, dirs
}

// damage changes a byte of each block of want that lies in a file.
func damage(path string, want []byte) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(f)
	for off := 0; off < len(want) && err == nil; off += meshBlock {
		if at := bytes.Index(b, want[off:off+32]); at >= 0 {
			_, err = f.WriteAt([]byte{^b[at]}, int64(at))
		}
	}
	return errors.Join(err, f.Close())
}

// TestServedFromDisk: blocks go from one node's disk to the other, and to its disk.
func TestServedFromDisk(t *testing.T) {
	r, _ := openOnDisks(t)
	want := r.put("f", 20*meshBlock+12_345)
	r.expect(0, "f", cachefs.CachePromote)
	r.expect(1, "f", cachefs.CachePromote)
	require.EqualValues(t, len(want), r.sent())
	for i := range r.nodes { // again, from the other's disk alone
		require.Eventually(t, func() bool { return len(cachefs.Blocks(r.nodes[i])) == 21 }, 20*time.Second, time.Millisecond, "it keeps what it read")
		before := r.nodes[1-i].Metrics().Served.Disk
		cachefs.DropAll(r.nodes[i])
		r.expect(i, "f", cachefs.CachePromote)
		require.EqualValues(t, len(want), r.nodes[1-i].Metrics().Served.Disk-before)
		require.Zero(t, r.nodes[i].Metrics().PeerFailures)
	}
	require.EqualValues(t, len(want), r.sent())
}

// TestDamagedOnThePeersDisk: bytes that went bad on a peer's disk are noticed where they arrive, are had from elsewhere, and
// the peer is told.
func TestDamagedOnThePeersDisk(t *testing.T) {
	r, dirs := openOnDisks(t)
	damagedOnAPeer(t, r, dirs)
}

// TestDamagedOnThePeersDiskWithoutNetwork is the same over the fake, which has to refuse what the link does.
func TestDamagedOnThePeersDiskWithoutNetwork(t *testing.T) {
	var dirs []string
	r := openReaders(t, 2, func(_ int, c *cachefs.Config) { dirs = append(dirs, onDisk(t, c)) })
	damagedOnAPeer(t, r, dirs)
}

func damagedOnAPeer(t *testing.T, r *readers, dirs []string) {
	r.put("f", 20*meshBlock)
	r.expect(0, "f", cachefs.CachePromote)
	r.expect(1, "f", cachefs.CachePromote)
	require.NoError(t, filepath.WalkDir(filepath.Join(dirs[0], "data"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return damage(path, r.files["f"])
	}))
	cachefs.DropAll(r.nodes[1])
	r.expect(1, "f", cachefs.CachePromote)
	require.NotZero(t, r.nodes[1].Metrics().PeerFailures)
	require.Eventually(t, func() bool { return r.nodes[0].Metrics().Tiers.Tiers[0].Corrupt > 0 }, 10*time.Second, 10*time.Millisecond)
}

// TestRangesFromAPeersDisk: a range of a block that a peer has on a disk comes from there, wherever in the block's pieces of
// 64 KiB it begins and ends.
func TestRangesFromAPeersDisk(t *testing.T) {
	r, _ := openOnDisks(t)
	want := r.put("f", 3*meshBlock+100_000)
	r.expect(0, "f", cachefs.CachePromote)
	r.expect(1, "f", cachefs.CachePromote)
	cachefs.DropAll(r.nodes[1])
	before := r.sent()
	const piece = 64 << 10
	for _, at := range []struct{ off, n int }{
		{0, 10}, {0, piece}, {0, piece + 1}, {0, 3 * piece}, {5, piece}, {piece, 2*piece - 1},
		{3 * meshBlock, piece}, {3 * meshBlock, 99_999}, {3*meshBlock + piece, 100_000 - piece}, {3*meshBlock + 99_990, 10},
	} {
		f, err := r.nodes[1].Open(t.Context(), "/mem/f", &cachefs.OpenOptions{ReadType: cachefs.NoCache})
		require.NoError(t, err)
		p := make([]byte, at.n)
		_, err = f.ReadAt(p, int64(at.off))
		require.NoError(t, errors.Join(err, f.Close()), "%d bytes at %d", at.n, at.off)
		require.True(t, bytes.Equal(p, want[at.off:at.off+at.n]), "%d bytes at %d", at.n, at.off)
		require.Equal(t, before, r.sent(), "%d bytes at %d came from the store", at.n, at.off)
	}
}
