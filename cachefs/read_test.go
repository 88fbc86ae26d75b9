package cachefs_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/ufs"
)

// putStore writes a file straight into the under store, behind the node's back.
func putStore(t testing.TB, c *cachefstest.Cluster, key string, data []byte) {
	t.Helper()
	w, err := c.Store.UFS().Create(t.Context(), key, ufs.CreateOptions{Parents: true, Size: int64(len(data))})
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	_, err = w.Commit(t.Context())
	require.NoError(t, err)
}

func readAll(t testing.TB, n *cachefs.Node, path string) []byte {
	t.Helper()
	f, err := n.Open(t.Context(), path, nil)
	require.NoError(t, err)
	defer f.Close()
	data, err := io.ReadAll(f)
	require.NoError(t, err)
	return data
}

// Eight first readers of one uncached file, a hundred times: all get all bytes, and the store is read once.
func TestFirstReadersShareOneFill(t *testing.T) {
	c := cachefstest.New(t, 1)
	n := c.Node()
	for i := range 100 {
		key := "f" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		want := content(uint32(i), 100_000+i)
		putStore(t, c, key, want)
		before := c.Store.Calls()
		var wg sync.WaitGroup
		got := make([][]byte, 8)
		for r := range got {
			wg.Go(func() { got[r] = readAll(t, n, cachefstest.MountPath+"/"+key) })
		}
		wg.Wait()
		for _, g := range got {
			require.True(t, bytes.Equal(want, g), "reader of %s got %d bytes that are not the %d stored", key, len(g), len(want))
		}
		after := c.Store.Calls()
		require.Equal(t, 1, after["open"]-before["open"], "reads of the store for %s", key)
		require.LessOrEqual(t, after["stat"]-before["stat"], 1, "looks at the store for %s", key)
	}
}

// A range far inside a cold block is fetched by itself, and never again when the rest of the block comes behind.
func TestColdRangeIsFetchedOnce(t *testing.T) {
	c := cachefstest.New(t, 1)
	want := content(1, 3<<20)
	putStore(t, c, "big", want)
	f, err := c.Node().Open(t.Context(), cachefstest.MountPath+"/big", nil)
	require.NoError(t, err)
	defer f.Close()
	p := make([]byte, 4096)
	_, err = f.ReadAt(p, 2<<20)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want[2<<20:][:4096], p))
	all, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, all))
	require.EqualValues(t, len(want), c.Store.UFS().Metrics().BytesRead, "bytes read from the store")
}

// A reader that leaves does not take the block from the one that stays.
func TestCancelledReaderLeavesTheFill(t *testing.T) {
	c := cachefstest.New(t, 1)
	want := content(2, 1<<20)
	putStore(t, c, "f", want)
	gate := make(chan struct{})
	c.Store.OnCall(func(op, _ string) error {
		if op == "open" {
			<-gate
		}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	f, err := c.Node().Open(ctx, cachefstest.MountPath+"/f", nil)
	require.NoError(t, err)
	defer f.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		got, err := io.ReadAll(f.WithContext(t.Context()))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got))
	})
	cancel()
	_, err = f.ReadAt(make([]byte, 10), 0)
	require.ErrorIs(t, err, context.Canceled)
	close(gate)
	wg.Wait()
	require.Equal(t, 1, c.Store.Calls()["open"])
}

// A file that changes in its store under a reader is ErrChanged, and the next Open sees the new version, whole.
func TestChangedUnderReader(t *testing.T) {
	c := cachefstest.New(t, 1)
	n := c.Node()
	putStore(t, c, "f", content(3, 200_000))
	f, err := n.Open(t.Context(), cachefstest.MountPath+"/f", nil)
	require.NoError(t, err)
	defer f.Close()
	next := content(4, 150_000)
	putStore(t, c, "f", next)
	_, err = f.ReadAt(make([]byte, 100), 0)
	require.ErrorIs(t, err, cachefs.ErrChanged)
	require.True(t, bytes.Equal(next, readAll(t, n, cachefstest.MountPath+"/f")))
}

// Any number of goroutines read at any offset, hot and cold, and get the file's bytes.
func TestReadAtManyGoroutines(t *testing.T) {
	c := cachefstest.New(t, 1, func(cfg *cachefs.Config) { cfg.BlockSize = 64 << 10 })
	want := content(5, 5<<20+77)
	putStore(t, c, "f", want)
	f, err := c.Node().Open(t.Context(), cachefstest.MountPath+"/f", nil)
	require.NoError(t, err)
	defer f.Close()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 1))
			p := make([]byte, 200_000)
			for range 200 {
				q, off := p[:rng.IntN(len(p))], rng.Int64N(int64(len(want)))
				n, err := f.ReadAt(q, off)
				if n < len(q) {
					require.Equal(t, io.EOF, err)
				} else {
					require.NoError(t, err)
				}
				require.True(t, bytes.Equal(want[off:][:n], q[:n]), "%d bytes at %d", n, off)
				require.Equal(t, min(len(q), len(want)-int(off)), n)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, len(want), c.Store.UFS().Metrics().BytesRead, "bytes read from the store")
}
