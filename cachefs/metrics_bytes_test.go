package cachefs_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/tier"
)

// What a program reads is from memory, or is in DiskBytes, or in MissBytes.
func TestBytesBySource(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		const size = 100_000
		p := make([]byte, size)
		read := func(c *cachefstest.Cluster, o *cachefs.OpenOptions) (disk, miss uint64) {
			before := c.Node().Metrics()
			f, err := c.Node().Open(t.Context(), "/mem/f", o)
			require.NoError(t, err)
			defer f.Close()
			_, err = f.ReadAt(p, 0)
			require.NoError(t, err)
			synctest.Wait() // the block is committed
			after := c.Node().Metrics()
			return after.DiskBytes - before.DiskBytes, after.MissBytes - before.MissBytes
		}
		onDisk := []tier.Config{{Kind: tier.SSD, Size: 16 << 20, Dirs: []tier.Dir{{Path: "/ssd"}}}}
		for _, tiers := range [][]tier.Config{{{Kind: tier.Memory, Size: 16 << 20}}, onDisk} {
			c := cachefstest.New(t, 1, func(cfg *cachefs.Config) { cfg.Tiers = tiers })
			putStore(t, c, "f", content(1, size))
			want := func(disk, miss uint64, o *cachefs.OpenOptions) {
				t.Helper()
				gotDisk, gotMiss := read(c, o)
				require.Equal(t, [2]uint64{disk, miss}, [2]uint64{gotDisk, gotMiss}, "from a disk, and missed, over %v", tiers[0].Kind)
			}
			want(0, size, &cachefs.OpenOptions{ReadType: cachefs.NoCache})
			want(0, size, nil)
			if tiers[0].Kind == tier.Memory {
				want(0, 0, nil)
			} else {
				want(size, 0, nil)
			}
		}
	})
}
