package journal_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal"
)

// TestMisreadCostsNoChange opens a journal on a disk that fails, or lies about, one of its reads, each in turn: Open says so or has all
// changes, and they are there on the next Open of a disk that is well, whatever this one did to it. All but the last: it may look torn.
func TestMisreadCostsNoChange(t *testing.T) {
	const changes = 20
	mem := vfs.NewMem()
	cfg := journal.Config{Dir: "/j", FS: mem, SegmentSize: 1 << 10, CheckpointEvery: 1 << 40}
	j, _ := open(t, cfg)
	for i := range changes {
		add(t, j, "k")
		if i%8 == 1 {
			require.NoError(t, j.Checkpoint(t.Context()))
		}
	}
	add(t, j, "last")
	killed := mem.CrashKeepingNothing() // a Close would leave a checkpoint, and no change behind it
	for _, fault := range []error{vfs.ErrFlip, vfs.ErrShort, syscall.EIO} {
		for at, reads := int64(0), int64(1); at <= reads; at++ { // one beyond: an Open that fails reads no further
			disk := killed.Copy()
			var n atomic.Int64
			var of atomic.Value
			of.Store("")
			cfg.FS = vfs.NewFaulty(disk, func(op vfs.Op) error {
				if op.Kind == vfs.OpRead && n.Add(1)-1 == at {
					of.Store(op.Name)
					return fault
				}
				return nil
			})
			what := func() string { return fmt.Sprintf("%v of read %d, of %s", fault, at, of.Load()) }
			r := newRegister()
			j, err := journal.Open(t.Context(), cfg, r)
			if err == nil {
				require.Equal(t, changes, r.get("k"), what())
				require.NoError(t, j.Close(t.Context()), what())
			} else {
				require.ErrorContains(t, err, filepath.Base(of.Load().(string)), what())
			}
			reads = n.Load()

			cfg.FS, r = disk, newRegister()
			j, err = journal.Open(t.Context(), cfg, r)
			require.NoError(t, err, what())
			require.Equal(t, changes, r.get("k"), what())
			require.NoError(t, j.Close(t.Context()))
		}
	}
}
