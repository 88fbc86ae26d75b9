package cachefs_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/peer"
)

// overLoopback lets a node alone be asked by Clients.
func overLoopback(cfg *cachefs.Config) {
	cfg.Mesh = &peer.Config{Secret: meshSecret}
}

// dial returns a Client of nodes that listen on the loopback.
func dial(t *testing.T, nodes ...*cachefs.Node) *cachefs.Client {
	t.Helper()
	cfg := cachefs.DialConfig{Mesh: peer.DialConfig{Secret: meshSecret}}
	for _, n := range nodes {
		info, err := n.Cluster(t.Context())
		require.NoError(t, err)
		for _, p := range info.Peers {
			if p.ID == n.ID() {
				cfg.Mesh.Addresses = append(cfg.Mesh.Addresses, p.Addr)
			}
		}
	}
	c, err := cachefs.Dial(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestClientFiles(t *testing.T) {
	c := cachefstest.New(t, 1, overLoopback)
	f := dial(t, c.Node())
	ctx := t.Context()
	for _, size := range []int{0, 1, 100_000, 128 << 10, 9 << 20} {
		want := content(uint32(size), size)
		for _, path := range []string{"/a", "/mem/b"} {
			w, err := f.Create(ctx, path, &cachefs.CreateOptions{Overwrite: true})
			require.NoError(t, err)
			_, err = io.Copy(w, bytes.NewReader(want))
			require.NoError(t, err)
			require.NoError(t, w.Close())
			require.ErrorIs(t, w.Close(), cachefs.ErrClosed)
			for _, rt := range []cachefs.ReadType{cachefs.CachePromote, cachefs.Cache, cachefs.NoCache} {
				r, err := f.Open(ctx, path, &cachefs.OpenOptions{ReadType: rt})
				require.NoError(t, err)
				got, err := io.ReadAll(r)
				require.NoError(t, err)
				require.NoError(t, same(got, want, 0))
				p := make([]byte, size+1)
				n, err := r.ReadAt(p, 0)
				require.ErrorIs(t, err, io.EOF)
				require.NoError(t, same(p[:n], want, 0))
				require.NoError(t, r.Close())
			}
		}
	}
	w, err := f.Create(ctx, "/given up", nil)
	require.NoError(t, err)
	_, err = w.Write(make([]byte, 1<<20))
	require.NoError(t, err)
	require.NoError(t, w.Abort())
	require.Eventually(t, func() bool { _, err := f.Stat(ctx, "/given up", nil); return err != nil }, 5e9, 1e7)
	_, err = f.Stat(context.Background(), "/given up", nil)
	require.ErrorIs(t, err, cachefs.ErrNotExist)
}

// TestClientIOFS: what shows a node's tree as an fs.FS shows it by way of a Client.
func TestClientIOFS(t *testing.T) {
	c := cachefstest.New(t, 1, overLoopback, func(cfg *cachefs.Config) { cfg.BlockSize = 64 << 10 })
	for name, data := range tree {
		putStore(t, c, name, data)
	}
	f := dial(t, c.Node())
	fsys := cachefs.IOFS(t.Context(), f, "/mem")
	require.NoError(t, fstest.TestFS(fsys, slices.Sorted(maps.Keys(tree))...))
	require.NoError(t, fstest.TestFS(cachefs.IOFS(t.Context(), f, "/"), "mem/a.txt", "mem/deep/ümlaut"))
}

// TestClientReadsARenamedFile: an open file is a version, whatever becomes of its name; one that cannot be had any more is ErrChanged.
func TestClientReadsARenamedFile(t *testing.T) {
	c := cachefstest.New(t, 1, overLoopback)
	f := dial(t, c.Node())
	ctx := t.Context()
	want := content(1, 300_000)
	require.NoError(t, writeFile(ctx, f, "/mem/a", want, cachefs.CreateOptions{}))
	r, err := f.Open(ctx, "/mem/a", nil)
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, f.Rename(ctx, "/mem/a", "/mem/b", nil))
	require.NoError(t, f.Free(ctx, "/mem/b", nil))
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, same(got, want, 0))
	require.NoError(t, f.Remove(ctx, "/mem/b", nil))
	_, err = r.ReadAt(make([]byte, 10), 0)
	require.ErrorIs(t, err, cachefs.ErrChanged)
	_, err = r.View(0, 10)
	require.ErrorIs(t, err, cachefs.ErrChanged)
}

// TestClientStreamsAreBounded: more files than a node lets clients write at a time are refused, and one that ends makes room.
func TestClientStreamsAreBounded(t *testing.T) {
	c := cachefstest.New(t, 1, overLoopback)
	f := dial(t, c.Node())
	var open []*cachefs.Writer
	for i := range 256 {
		w, err := f.Create(t.Context(), fmt.Sprint("/f", i), nil)
		require.NoError(t, err)
		open = append(open, w)
	}
	_, err := f.Create(t.Context(), "/more", nil)
	require.ErrorIs(t, err, cachefs.ErrBusy)
	require.ErrorContains(t, err, "256 files")
	for _, w := range open {
		require.NoError(t, w.Close())
	}
	require.Eventually(t, func() bool { return c.Node().Metrics().ClientStreams == 0 }, 10*time.Second, time.Millisecond)
	require.NoError(t, writeFile(t.Context(), f, "/more", []byte("room"), cachefs.CreateOptions{}))
}

// TestClientAbort: what is given up is gone when Abort, or a Write that failed, has returned, as with a node's Writer.
func TestClientAbort(t *testing.T) {
	c := cachefstest.New(t, 1, overLoopback)
	cl := dial(t, c.Node())
	for i := range 100 {
		path := fmt.Sprint("/f", i)
		w, err := cl.Create(t.Context(), path, nil)
		require.NoError(t, err)
		_, err = w.Write(content(1, 100_000))
		require.NoError(t, err)
		require.NoError(t, w.Abort())
		_, err = c.Node().Stat(t.Context(), path, nil)
		require.ErrorIs(t, err, cachefs.ErrNotExist)
	}
}
