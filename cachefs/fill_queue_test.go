package cachefs_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
)

// TestFillQueueIsBounded reads far inside of more cold blocks than the workers bring and the queue holds. Each read is answered at once by its
// own range; the rest of the blocks that find the queue full is dropped and counted, and whoever wants it later has it.
func TestFillQueueIsBounded(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		const files, size, at = 6, 1 << 20, 600 << 10
		store := &slowStarts{memufs.New(nil), make(chan struct{})}
		s, err := ufs.New(store, "mem://starts", &ufs.Options{DisableHedge: true})
		require.NoError(t, err)
		c := cachefstest.New(t, 1, func(cfg *cachefs.Config) {
			cfg.FillWorkers, cfg.FillQueue = 1, 2
			cfg.Mounts = []cachefs.MountConfig{{Path: "/m", Store: s}}
		})
		n := c.Node()
		for i := range files {
			require.NoError(t, putOutside(t.Context(), s, fmt.Sprint("f", i), content(uint32(i), size)))
			f, err := n.Open(t.Context(), fmt.Sprint("/m/f", i), nil)
			require.NoError(t, err)
			p := make([]byte, 4096)
			_, err = f.ReadAt(p, at)
			require.NoError(t, err)
			require.NoError(t, same(p, content(uint32(i), size)[at:][:4096], at))
			require.NoError(t, f.Close())
			synctest.Wait()
		}
		m := n.Metrics()
		require.Equal(t, 2, m.FillQueue)
		require.EqualValues(t, files-3, m.FillsDropped, "one is being brought, two wait")
		close(store.begin)
		synctest.Wait()
		require.Zero(t, n.Metrics().FillQueue)
		require.Len(t, cachefs.Blocks(n), 3)
		for i := range files {
			require.NoError(t, same(readAll(t, n, fmt.Sprint("/m/f", i)), content(uint32(i), size), 0))
		}
		require.EqualValues(t, files-3, n.Metrics().FillsDropped)
	})
}

// slowStarts is a store whose bodies from the start of a file wait until begin is closed.
type slowStarts struct {
	*memufs.Store
	begin chan struct{}
}

func (s *slowStarts) Open(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
	if off == 0 {
		<-s.begin
	}
	return s.Store.Open(ctx, key, off, n, version)
}
