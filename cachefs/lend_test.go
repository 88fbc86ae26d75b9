package cachefs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/millpond/millpond/ufs/objects/objectstest"
)

// lendingNode is a node over a bucket whose uploads send parts of 160 KiB from where the bytes lie, at /b. Blocks have 64 KiB.
func lendingNode(t *testing.T, o objectstest.Options, tiers ...tier.Config) (*cachefs.Node, *ufs.Store) {
	o.Parts = objects.NewParts(160<<10, 640<<10)
	store, err := ufs.New(objects.New(objectstest.New(&o), ""), "test://lending", &ufs.Options{DisableHedge: true})
	require.NoError(t, err)
	c := cachefstest.New(t, 1, func(cfg *cachefs.Config) {
		cfg.BlockSize, cfg.Tiers = 64<<10, tiers
		cfg.Mounts = []cachefs.MountConfig{{Path: "/b", Store: store}}
		cfg.PersistMinDelay = time.Millisecond
	})
	return c.Node(), store
}

// writeAs writes a file in pieces that do not end where blocks do, and waits until the store has it.
func writeAs(ctx context.Context, n *cachefs.Node, how cachefs.WriteType, path string, data []byte) error {
	w, err := n.Create(ctx, path, &cachefs.CreateOptions{WriteType: how, Overwrite: true})
	if err != nil {
		return err
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{bytes.NewReader(data)}, make([]byte, 10_000)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	job, err := n.Persist(ctx, path, nil)
	if err != nil {
		return err
	}
	return job.Wait(ctx)
}

var uploads = map[string]cachefs.WriteType{"AsyncThrough": cachefs.AsyncThrough, "CacheThrough": cachefs.CacheThrough}

// What is uploaded is what was written, from memory, from a disk, and where memory has no room for all of it.
func TestUploadsFromBlocks(t *testing.T) {
	for name, how := range uploads {
		for place, tiers := range map[string][]tier.Config{
			"memory":       {{Kind: tier.Memory, Size: 16 << 20}},
			"small memory": {{Kind: tier.Memory, Size: 256 << 10}, {Kind: tier.SSD, Size: 64 << 20, Dirs: []tier.Dir{{Path: "/ssd"}}}},
			"too small":    {{Kind: tier.Memory, Size: 256 << 10}},
			"disk":         {{Kind: tier.SSD, Size: 64 << 20, Dirs: []tier.Dir{{Path: "/ssd"}}}},
		} {
			t.Run(name+"/"+place, func(t *testing.T) {
				n, store := lendingNode(t, objectstest.Options{}, tiers...)
				for i, size := range []int{0, 1, 64 << 10, 100_000, 160 << 10, 1_000_000} {
					data := content(uint32(i), size)
					require.NoError(t, writeAs(t.Context(), n, how, "/b/f", data))
					got := make([]byte, size)
					_, err := store.ReadAt(t.Context(), "f", "", got, 0)
					require.True(t, err == nil || errors.Is(err, io.EOF), "%v", err)
					require.NoError(t, same(got, data, 0))
					require.NoError(t, same(readAll(t, n, "/b/f"), data, 0))
				}
			})
		}
	}
}

// A file is uploaded without a second buffer. What runs beside allocates, too, so that the least of some uploads counts.
func TestUploadsWithoutASecondBuffer(t *testing.T) {
	const size = 16 << 20
	data := content(1, size)
	for name, how := range uploads {
		t.Run(name, func(t *testing.T) {
			var received atomic.Int64
			n, _ := lendingNode(t, objectstest.Options{Discard: func(n int64) { received.Add(n) }}, tier.Config{Kind: tier.Memory, Size: 64 << 20})
			least := uint64(size)
			for range 4 {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				require.NoError(t, writeAs(t.Context(), n, how, "/b/f", data))
				runtime.ReadMemStats(&after)
				require.EqualValues(t, size, received.Swap(0))
				least = min(least, after.TotalAlloc-before.TotalAlloc)
			}
			require.Less(t, least, uint64(size/2), "bytes on the heap for an upload of %d: a second buffer takes as many", size)
		})
	}
}
