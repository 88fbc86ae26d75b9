package cachefs_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// A Load that is done has every block in a tier. Its bytes have arrived long before here: the disk, the only tier, is slow to
// take them.
func TestLoadWaitsForTheCommit(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		c := cachefstest.New(t, 1, func(cfg *cachefs.Config) {
			cfg.Tiers = []tier.Config{{Kind: tier.SSD, Size: 16 << 20, Dirs: []tier.Dir{{Path: "/ssd"}}}}
			cfg.FS = vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
				if op.Kind == vfs.OpWrite && strings.HasPrefix(op.Name, "/ssd/data") {
					<-gate
				}
				return nil
			})
		})
		n := c.Node()
		putStore(t, c, "f", content(1, 100_000))
		job, err := n.Load(t.Context(), "/mem/f", nil)
		require.NoError(t, err)
		synctest.Wait()
		require.Zero(t, job.Progress().FilesDone, "the block is not in any tier yet")
		require.Empty(t, cachefs.Blocks(n))
		close(gate)
		require.NoError(t, job.Wait(t.Context()))
		require.Len(t, cachefs.Blocks(n), 1)
	})
}
