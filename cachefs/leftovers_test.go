package cachefs_test

import (
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
)

// TestLargeTreesGoInSteps changes and removes more inodes than one command works on, outside a mount and below one.
func TestLargeTreesGoInSteps(t *testing.T) {
	const files = 2500
	c := cachefstest.New(t, 1)
	for _, dir := range []string{"/d", cachefstest.MountPath + "/d"} {
		t.Run(dir, func(t *testing.T) { largeTree(t, c.Node(), dir, files) })
	}
}

func largeTree(t *testing.T, n *cachefs.Node, dir string, files int) {
	ctx := t.Context()
	for i := range files {
		w, err := n.Create(ctx, fmt.Sprintf("%s/%d/f%04d", dir, i%2, i), &cachefs.CreateOptions{Parents: true})
		require.NoError(t, err)
		_, err = w.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	require.NotZero(t, n.Metrics().Tiers.Tiers[0].Blocks)
	each := func(f func(*cachefs.Info)) (seen int) {
		for i, err := range n.List(ctx, dir, &cachefs.ListOptions{Recursive: true}) {
			require.NoError(t, err)
			f(i)
			seen++
		}
		return seen
	}
	require.Equal(t, files+2, each(func(*cachefs.Info) {}))
	pin := true
	require.NoError(t, n.SetAttr(ctx, dir, &cachefs.AttrOptions{Recursive: true, Pin: &pin, Mode: new(fs.FileMode(0o750))}))
	each(func(i *cachefs.Info) {
		require.True(t, i.Pinned(), i.Path())
		require.EqualValues(t, 0o750, i.Mode().Perm(), i.Path())
	})
	require.NoError(t, n.Remove(ctx, dir, &cachefs.RemoveOptions{Recursive: true}))
	_, err := n.Stat(ctx, dir, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Zero(t, n.Metrics().Tiers.Tiers[0].Blocks, "no block is left")
}
