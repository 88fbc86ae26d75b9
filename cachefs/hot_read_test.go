package cachefs_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
)

// TestHotReadAllocatesNothing: a read of a block that the file's table has.
func TestHotReadAllocatesNothing(t *testing.T) {
	c := cachefstest.New(t, 1)
	putStore(t, c, "f", content(1, 100_000))
	f, err := c.Node().Open(t.Context(), "/mem/f", nil)
	require.NoError(t, err)
	defer f.Close()
	p := make([]byte, 4096)
	read := func() { _, _ = f.ReadAt(p, 64) }
	require.NoError(t, wait(c.Node().Load(t.Context(), "/mem/f", nil)))
	read()
	hits := c.Node().Metrics().Tiers.Tiers[0].Hits
	require.Zero(t, testing.AllocsPerRun(1000, read))
	require.NoError(t, same(p, content(1, 100_000)[64:][:4096], 64))
	require.Equal(t, hits, c.Node().Metrics().Tiers.Tiers[0].Hits, "the tier was asked again")
}

// TestViewAndStatAllocateNothing: who does not keep the View or the Info has it on the stack.
func TestViewAndStatAllocateNothing(t *testing.T) {
	c, ctx := cachefstest.New(t, 1), t.Context()
	n := c.Node()
	putStore(t, c, "f", content(1, 100_000))
	f, err := n.Open(ctx, "/mem/f", nil)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, wait(n.Load(ctx, "/mem/f", nil)))
	seen, size := 0, int64(0)
	view := func() {
		if v, err := f.View(64, 100); err == nil {
			seen += len(v.Bytes())
			v.Release()
		}
	}
	stat := func() {
		if info, err := n.Stat(ctx, "/mem/f", nil); err == nil {
			size = info.Size()
		}
	}
	view()
	seen = 0
	require.Zero(t, testing.AllocsPerRun(1000, view))
	require.Zero(t, testing.AllocsPerRun(1000, stat))
	require.Equal(t, 1001*100, seen)
	require.EqualValues(t, 100_000, size)
}

// TestContextOfOpenBoundsTheStart: the node, its mounts and what it does behind go on when the context of cachefs.Open ends.
func TestContextOfOpenBoundsTheStart(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cold"), []byte("cold"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	n, err := cachefs.Open(ctx, cachefs.Config{Dir: t.TempDir(), Mounts: []cachefs.MountConfig{{Path: "/m", URL: "file://" + dir}}})
	require.NoError(t, err)
	defer n.Close()
	cancel()
	require.Equal(t, "cold", string(readAll(t, n, "/m/cold")))
	require.NoError(t, writeFile(t.Context(), n, "/m/through", []byte("x"), cachefs.CreateOptions{}))
	require.NoError(t, writeFile(t.Context(), n, "/m/behind", []byte("y"), cachefs.CreateOptions{WriteType: cachefs.AsyncThrough}))
	require.NoError(t, wait(n.Persist(t.Context(), "/m/behind", nil)))
	require.NoError(t, wait(n.Load(t.Context(), "/m", nil)))
	require.NoError(t, n.Rename(t.Context(), "/m/through", "/m/moved", nil))
	for name, want := range map[string]string{"moved": "x", "behind": "y"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
}
