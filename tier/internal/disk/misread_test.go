package disk_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier/internal/disk"
)

// TestMisreadIndexForgetsNothing opens a directory on a disk that fails, or lies about, one read of its index, each in turn: Open says so or
// has every block, and the next Open has, whatever this one did.
func TestMisreadIndexForgetsNothing(t *testing.T) {
	const blocks = 9
	closed := vfs.NewMem()
	d := open(t, closed, "/d", disk.Options{})
	for i := range blocks {
		put(t, d, blockID(i, 0), 3000)
		require.NoError(t, d.SetFlags(blockID(i, 0), disk.Held))
		if i == 4 {
			require.NoError(t, d.CompactIndex())
		}
	}
	require.NoError(t, d.Close())
	have := func(d *disk.Dir, what string) {
		for i := range blocks {
			_, _, flags, ok := d.Lookup(blockID(i, 0))
			require.True(t, ok, "block %d, %s", i, what)
			require.Equal(t, disk.Held, flags, what)
			requireBlock(t, d, blockID(i, 0), 3000)
		}
		require.NoError(t, d.Close(), what)
	}
	for _, fault := range []error{vfs.ErrFlip, vfs.ErrShort, syscall.EIO} {
		for at, reads := int64(0), int64(1); at <= reads; at++ { // one beyond: an Open that fails reads no further
			mem := closed.Copy()
			var n atomic.Int64
			of := ""
			d, err := disk.Open(vfs.NewFaulty(mem, func(op vfs.Op) error {
				base := filepath.Base(op.Name)
				if op.Kind != vfs.OpRead || !strings.HasPrefix(base, "log-") && !strings.HasPrefix(base, "snapshot-") {
					return nil
				}
				if n.Add(1)-1 != at {
					return nil
				}
				of = base
				return fault
			}), "/d", disk.Options{Quota: 1 << 20})
			what := fmt.Sprintf("%v of read %d, of %s", fault, at, of)
			if err == nil {
				have(d, what)
			} else {
				require.ErrorContains(t, err, "/d", what)
			}
			reads = n.Load()
			have(open(t, mem, "/d", disk.Options{}), what)
		}
	}
}
