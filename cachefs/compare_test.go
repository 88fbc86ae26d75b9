package cachefs_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// tidy checks that the tiers have blocks of files alone, and hold only what no store has.
func tidy(t *testing.T, n *cachefs.Node) {
	t.Helper()
	stored := map[tier.FileID]bool{}
	for info, err := range n.List(t.Context(), "/", &cachefs.ListOptions{Recursive: true}) {
		require.NoError(t, err)
		stored[info.FileID()] = info.Persist() == cachefs.Persisted
	}
	for _, b := range cachefs.Blocks(n) {
		persisted, ok := stored[b.ID.File()]
		require.True(t, ok, "block %v is of no file", b.ID)
		require.False(t, b.Held && persisted, "block %v is held, and the store has it", b.ID)
	}
}

// A cache directory that comes back with blocks of files that the namespace does not have gives their room back.
func TestBlocksOfNoFileGoAtOpen(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		other, disk := vfs.NewMem(), vfs.NewMem()
		p := newPlant(disk)
		for _, d := range []*vfs.Mem{other, disk} {
			n, err := p.open(d)
			require.NoError(t, err)
			require.NoError(t, write("/only-here", "1", cachefs.CreateOptions{Overwrite: true})(n))
			require.NoError(t, write("/m/f", "2", cachefs.CreateOptions{Overwrite: true})(n))
			require.NoError(t, n.Close())
		}
		require.NoError(t, disk.RemoveAll("/node/ssd"))
		copyTree(t, other, disk, "/node/ssd")

		n, err := p.open(disk)
		require.NoError(t, err)
		defer n.Close()
		synctest.Wait()
		require.Empty(t, cachefs.Blocks(n))
		require.NoError(t, same(readAll(t, n, "/m/f"), planned("2"), 0))
	})
}

// A journal that was lost takes no blocks along: what is found in the store again has its blocks.
func TestBlocksOutliveTheJournal(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		p := newPlant(disk)
		require.NoError(t, putOutside(t.Context(), p.store.UFS(), "f", planned("1")))
		n, err := p.open(disk)
		require.NoError(t, err)
		require.NoError(t, same(readAll(t, n, "/m/f"), planned("1"), 0))
		require.NoError(t, n.Close())
		require.NoError(t, disk.RemoveAll("/node/journal"))

		n, err = p.open(disk)
		require.NoError(t, err)
		defer n.Close()
		synctest.Wait()
		before := p.store.Calls()["open"]
		require.NoError(t, same(readAll(t, n, "/m/f"), planned("1"), 0))
		require.Equal(t, before, p.store.Calls()["open"], "reads of the store")
	})
}

// copyTree copies a directory from one disk to another.
func copyTree(t *testing.T, from, to *vfs.Mem, dir string) {
	t.Helper()
	require.NoError(t, to.MkdirAll(dir, 0o700))
	list, err := from.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range list {
		name := dir + "/" + e.Name()
		if e.IsDir() {
			copyTree(t, from, to, name)
			continue
		}
		data, err := vfs.ReadFile(from, name)
		require.NoError(t, err)
		require.NoError(t, vfs.WriteFile(to, name, data, 0o600))
	}
}
