package cachefs_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/millpond/millpond/ufs/objects/objectstest"
)

// weighed is a store that knows how many bytes are asked of it at a time at most, until their bodies are closed.
type weighed struct {
	driver.Store
	now, most, opens atomic.Int64
}

func (w *weighed) Open(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
	w.opens.Add(1)
	peak(&w.most, w.now.Add(n))
	end := sync.OnceFunc(func() { w.now.Add(-n) })
	rc, a, err := w.Store.Open(ctx, key, off, n, version)
	if err != nil {
		end()
		return nil, a, err
	}
	return &weighedBody{rc, end}, a, nil
}

func peak(most *atomic.Int64, now int64) {
	for was := most.Load(); now > was && !most.CompareAndSwap(was, now); was = most.Load() {
	}
}

type weighedBody struct {
	io.ReadCloser
	end func()
}

func (b *weighedBody) Close() error { b.end(); return b.ReadCloser.Close() }

// TestManyColdFilesStayWithinTheBound: what is on its way from a store is bounded by its options, and what waits here by the tiers,
// whatever the number of files that are read at a time.
func TestManyColdFilesStayWithinTheBound(t *testing.T) {
	const files, size, bound = 60, 256 << 10, 2 << 20
	bubbletest.Test(t, func(t *testing.T) {
		d := &weighed{Store: memufs.New(&memufs.Options{Latency: 50 * time.Millisecond})}
		st, err := ufs.New(d, "mem://weighed", &ufs.Options{MaxBytes: bound, MaxCalls: 10 * files})
		require.NoError(t, err)
		for i := range files {
			w, err := d.Create(t.Context(), fmt.Sprint("f", i), driver.CreateOptions{})
			require.NoError(t, err)
			_, err = w.Write(content(uint32(i), size))
			require.NoError(t, err)
			_, err = w.Commit(t.Context())
			require.NoError(t, err)
		}
		n, err := cachefs.Open(t.Context(), cachefs.Config{
			Tiers: []tier.Config{{Kind: tier.Memory, Size: 8 << 20}}, BlockSize: size / 2, Mounts: []cachefs.MountConfig{{Path: "/m", Store: st}},
		})
		require.NoError(t, err)
		defer n.Close()
		var all sync.WaitGroup
		for i := range files {
			all.Go(func() {
				f, err := n.Open(t.Context(), fmt.Sprint("/m/f", i), nil)
				require.NoError(t, err)
				defer f.Close()
				got, err := io.ReadAll(f)
				require.NoError(t, err)
				require.Equal(t, content(uint32(i), size), got)
			})
		}
		all.Wait()
		require.GreaterOrEqual(t, d.opens.Load(), int64(files))
		require.LessOrEqual(t, d.most.Load(), int64(bound))
		require.Greater(t, d.most.Load(), int64(bound/2), "there is no more than one at a time")
		require.Zero(t, d.now.Load(), "a body is left open")
	})
}

// TestManyUploadsStayWithinTheBound: so are the bytes of parts on their way to a bucket.
func TestManyUploadsStayWithinTheBound(t *testing.T) {
	const files, part, bound = 24, 128 << 10, 1 << 20
	for _, how := range []cachefs.WriteType{cachefs.CacheThrough, cachefs.Through, cachefs.AsyncThrough} {
		bubbletest.Test(t, func(t *testing.T) {
			var now, most atomic.Int64
			b := objectstest.New(&objectstest.Options{Parts: objects.NewParts(part, bound), OnRequest: func(op, _ string) error {
				if op == "part" {
					peak(&most, now.Add(part))
					time.Sleep(20 * time.Millisecond)
					now.Add(-part)
				}
				return nil
			}})
			st, err := ufs.New(objects.New(b, ""), "test://bucket", nil)
			require.NoError(t, err)
			n, err := cachefs.Open(t.Context(), cachefs.Config{
				Tiers: []tier.Config{{Kind: tier.Memory, Size: 64 << 20}}, BlockSize: part / 2, Mounts: []cachefs.MountConfig{{Path: "/m", Store: st}},
			})
			require.NoError(t, err)
			defer n.Close()
			var all sync.WaitGroup
			for i := range files {
				all.Go(func() {
					w, err := n.Create(t.Context(), fmt.Sprint("/m/f", i), &cachefs.CreateOptions{WriteType: how})
					require.NoError(t, err)
					_, err = w.Write(content(uint32(i), 5*part))
					require.NoError(t, err)
					require.NoError(t, w.Close())
				})
			}
			all.Wait()
			for i := range files {
				job, err := n.Persist(t.Context(), fmt.Sprint("/m/f", i), nil)
				require.NoError(t, err)
				require.NoError(t, job.Wait(t.Context()))
			}
			require.LessOrEqual(t, most.Load(), int64(bound))
			require.Greater(t, most.Load(), int64(2*part), "parts go one at a time")
			require.Len(t, b.Names(), files)
		})
	}
}

// TestManyOpenWritersStayWithinTheBound: so is the memory of writers that are open at the same time, which write in turns.
func TestManyOpenWritersStayWithinTheBound(t *testing.T) {
	const files, part, bound, step = 40, 2 << 20, 2 << 20, 100_000
	for _, how := range []cachefs.WriteType{cachefs.Through, cachefs.CacheThrough, cachefs.AsyncThrough} {
		bubbletest.Test(t, func(t *testing.T) {
			b := objectstest.New(&objectstest.Options{Parts: objects.NewParts(part, bound)})
			st, err := ufs.New(objects.New(b, ""), "test://bucket", nil)
			require.NoError(t, err)
			n, err := cachefs.Open(t.Context(), cachefs.Config{
				Tiers: []tier.Config{{Kind: tier.Memory, Size: 2 << 20}}, BlockSize: 256 << 10, Mounts: []cachefs.MountConfig{{Path: "/m", Store: st}},
			})
			require.NoError(t, err)
			defer n.Close()
			data := content(1, part-1)
			before, most := heap(), int64(0)
			var ws [files]*cachefs.Writer
			for i := range ws {
				ws[i], err = n.Create(t.Context(), fmt.Sprint("/m/f", i), &cachefs.CreateOptions{WriteType: how})
				require.NoError(t, err)
			}
			for off := 0; off < len(data); off += step {
				for _, w := range ws {
					_, err := w.Write(data[off:min(off+step, len(data))])
					require.NoError(t, err)
				}
				most = max(most, heap()-before)
			}
			require.LessOrEqual(t, most, int64(2*bound+4<<20), "%v", how)
			for i, w := range ws {
				require.NoError(t, w.Close())
				require.NoError(t, n.Free(t.Context(), fmt.Sprint("/m/f", i), nil))
				require.True(t, bytes.Equal(data, readAll(t, n, fmt.Sprint("/m/f", i))))
				require.NoError(t, n.Remove(t.Context(), fmt.Sprint("/m/f", i), nil))
			}
		})
	}
}
