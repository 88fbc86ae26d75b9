package cachefs_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
)

// TestLyingDisk opens what a node left on a disk that gives wrong or too few bytes, once at each of its reads. What a
// disk drops although it said that it was synced cannot be seen; this can: the node does not open and says which file is
// damaged, or every byte that is read is right, or missing with an error. What the store has is read all the same.
func TestLyingDisk(t *testing.T) {
	for _, lie := range []error{vfs.ErrFlip, vfs.ErrShort} {
		t.Run(fmt.Sprint(lie), func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				disk := vfs.NewMem()
				p := newPlant(disk)
				files := plan{"/m/through": "1", "/m/kept": "2", "/here": "3"}
				p.fill(t, disk)
				for at := int64(0); ; at++ {
					if reads := p.lied(t, disk.CrashKeepingNothing(), files, lie, at); at >= reads {
						require.Greater(t, at, int64(5), "reads of the disk")
						return
					}
				}
			})
		})
	}
}

// fill writes a file that the store has and two that it has not.
func (p *plant) fill(t *testing.T, disk *vfs.Mem) {
	n, err := p.open(disk)
	require.NoError(t, err)
	require.NoError(t, write("/m/through", "1", cachefs.CreateOptions{})(n))
	require.NoError(t, write("/m/kept", "2", cachefs.CreateOptions{WriteType: cachefs.MustCache})(n))
	require.NoError(t, write("/here", "3", cachefs.CreateOptions{})(n))
	require.NoError(t, n.Close())
}

// lied opens a node on a disk that lies once, and reads everything. It returns how many reads there were.
func (p *plant) lied(t *testing.T, disk *vfs.Mem, files plan, lie error, at int64) int64 {
	var reads atomic.Int64
	var lied atomic.Value // the file that was read wrong
	lied.Store("")
	liar := vfs.NewFaulty(disk, func(op vfs.Op) error {
		if op.Kind != vfs.OpRead {
			return nil
		}
		if reads.Add(1)-1 == at {
			lied.Store(op.Name)
			return lie
		}
		return nil
	})
	n, err := p.open(liar)
	if err != nil {
		require.ErrorContains(t, err, lied.Load().(string), "the error does not name what is damaged")
		return reads.Load()
	}
	defer n.Close()
	synctest.Wait()
	for path, seeds := range files {
		f, err := n.Open(t.Context(), path, nil)
		require.NoError(t, err, path)
		data := make([]byte, f.Size())
		_, err = f.ReadAt(data, 0) // at once: a disk that lies at the second touch only is not seen
		if path == "/m/through" || err == nil {
			require.NoError(t, err, path)
			require.NoError(t, same(data, planned(seeds), 0), "%s, lied about %s", path, lied.Load())
		} else {
			require.ErrorIs(t, err, cachefs.ErrLost, path)
		}
		require.NoError(t, f.Close())
	}
	return reads.Load()
}
