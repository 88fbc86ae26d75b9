package cachefs_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// lend opens a file of one block and borrows all of it. Released memory is poisoned, so that a View whose bytes went
// reads wrong.
func lend(t *testing.T) (c *cachefstest.Cluster, f *cachefs.File, v *cachefs.View, want []byte) {
	c = cachefstest.New(t, 1, func(cfg *cachefs.Config) {
		cfg.BlockSize, cfg.Poison = 64<<10, true
		cfg.Tiers = []tier.Config{{Kind: tier.Memory, Size: 1 << 20}}
	})
	want = content(1, 10_000)
	require.NoError(t, writeFile(t.Context(), c.Node(), "/mem/f", want, cachefs.CreateOptions{}))
	f, err := c.Node().Open(t.Context(), "/mem/f", nil)
	require.NoError(t, err)
	v, err = f.View(0, len(want))
	require.NoError(t, err)
	require.NoError(t, same(v.Bytes(), want, 0))
	return c, f, v, want
}

// churn writes ten times what the memory holds.
func churn(t *testing.T, n *cachefs.Node) {
	for i := range 10 {
		require.NoError(t, writeFile(t.Context(), n, "/mem/churn", content(uint32(i), 900_000), cachefs.CreateOptions{Overwrite: true}))
	}
}

// The bytes of a View stay until its Release, whatever becomes of the block, the file and the mount.
func TestViewOutlives(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, n *cachefs.Node, f *cachefs.File){
		"eviction": func(t *testing.T, n *cachefs.Node, _ *cachefs.File) { churn(t, n) },
		"Free": func(t *testing.T, n *cachefs.Node, _ *cachefs.File) {
			require.NoError(t, n.Free(t.Context(), "/mem/f", nil))
			churn(t, n)
		},
		"Remove": func(t *testing.T, n *cachefs.Node, _ *cachefs.File) {
			require.NoError(t, n.Remove(t.Context(), "/mem/f", nil))
			churn(t, n)
		},
		"Overwrite": func(t *testing.T, n *cachefs.Node, _ *cachefs.File) {
			require.NoError(t, writeFile(t.Context(), n, "/mem/f", []byte("new"), cachefs.CreateOptions{Overwrite: true}))
			churn(t, n)
		},
		"Close of the file": func(t *testing.T, n *cachefs.Node, f *cachefs.File) {
			require.NoError(t, f.Close())
			churn(t, n)
		},
		"Unmount": func(t *testing.T, n *cachefs.Node, _ *cachefs.File) {
			require.NoError(t, n.Unmount(t.Context(), "/mem", nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, f, v, want := lend(t)
			defer f.Close()
			end(t, c.Node(), f)
			require.NoError(t, same(v.Bytes(), want, 0))
			v.Release()
		})
	}
}

// A View that is used after its Release reads poison where Config.Poison is set, once the block has left memory.
func TestViewAfterReleaseIsPoison(t *testing.T) {
	c, f, v, want := lend(t)
	defer f.Close()
	stale := v.Bytes()
	v.Release()
	require.NoError(t, c.Node().Remove(t.Context(), "/mem/f", nil))
	require.Error(t, same(stale, want, 0), "a released View reads as if nothing had happened")
}

// Shutdown waits for a View that is released within its context, and names one that is not; its bytes stay even then.
func TestShutdownWaitsForViews(t *testing.T) {
	for _, released := range []bool{true, false} {
		t.Run(fmt.Sprintf("released=%t", released), func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) { shutdownWithView(t, released) })
		})
	}
}

func shutdownWithView(t *testing.T, released bool) {
	disk := vfs.NewMem()
	n, err := newPlant(disk).open(disk)
	require.NoError(t, err)
	require.NoError(t, write("/m/f", "1", cachefs.CreateOptions{})(n))
	f, err := n.Open(t.Context(), "/m/f", nil)
	require.NoError(t, err)
	v, err := f.View(0, 60_000)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- n.Shutdown(ctx) }()
	time.Sleep(time.Second)
	require.Empty(t, done, "Shutdown did not wait")
	require.NoError(t, same(v.Bytes(), planned("1")[:60_000], 0))
	if released {
		v.Release()
		require.NoError(t, <-done)
		require.Less(t, time.Since(began), 2*time.Second)
		return
	}
	require.ErrorContains(t, <-done, "1 blocks are still lent: a View was not released")
	require.Equal(t, 5*time.Second, time.Since(began))
	require.NoError(t, same(v.Bytes(), planned("1")[:60_000], 0))
	v.Release()
}
