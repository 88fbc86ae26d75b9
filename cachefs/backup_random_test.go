package cachefs_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
)

// TestRandomChangesAreInTheBackup makes random changes through random nodes, ends them all in one of three ways, and begins elsewhere:
// the tree is the same, entry by entry, and every file that a store has reads as before. The seed is the name of the test.
func TestRandomChangesAreInTheBackup(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 5))
				k := newKept(t)
				var want []string
				content := map[string]string{}
				for life := range 3 {
					c := k.mesh(1+rng.IntN(3), rng.IntN(2) == 0)
					if life > 0 {
						require.Equal(t, want, paths(t, c.Node()))
					}
					for path, seeds := range content {
						require.NoError(t, same(readAll(t, c.Node(), path), planned(seeds), 0), path)
					}
					for range 60 {
						randomChange(t.Context(), rng, c.Nodes[rng.IntN(len(c.Nodes))], content)
					}
					want = paths(t, c.Node())
					k.end(rng, c)
				}
				require.NotEmpty(t, want)
			})
		})
	}
}

// end ends a mesh: all nodes at once, one by one in any order, or with a backup and a crash of all.
func (k *kept) end(rng *rand.Rand, c *cachefstest.Cluster) {
	k.Helper()
	switch rng.IntN(3) {
	case 0:
		k.stopAll(c)
	case 1:
		for _, i := range rng.Perm(len(c.Nodes)) {
			c.Stop(i)
			time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
		}
	case 2:
		require.NoError(k, c.Nodes[rng.IntN(len(c.Nodes))].Backup(k.Context(), nil))
		for i := range c.Nodes {
			c.Crash(i)
		}
	}
}

// randomChange makes one change, which may be refused, and notes what files of the store have then.
func randomChange(ctx context.Context, rng *rand.Rand, n *cachefs.Node, content map[string]string) {
	name := func() string {
		return fmt.Sprintf("%s/%c", []string{"", "/m", "/m/d", "/e"}[rng.IntN(4)], 'a'+rune(rng.IntN(5)))
	}
	path, to := name(), name()
	switch rng.IntN(7) {
	case 0:
		_ = n.Mkdir(ctx, path, &cachefs.MkdirOptions{Parents: true})
	case 1, 2:
		seeds := string('0' + rune(rng.IntN(10)))
		if path[:2] != "/m" {
			path = "/m" + path
		}
		if writeFile(ctx, n, path, planned(seeds), cachefs.CreateOptions{Overwrite: true, Parents: true}) == nil {
			content[path] = seeds
		}
	case 3:
		if n.Remove(ctx, path, nil) == nil {
			delete(content, path)
		}
	case 4:
		if _, file := content[path]; !file {
			return
		}
		if n.Rename(ctx, path, to, &cachefs.RenameOptions{Overwrite: true}) == nil && path != to {
			content[to] = content[path]
			delete(content, path)
		}
	case 5:
		ttl := time.Duration(rng.IntN(3)) * 1000 * time.Hour
		_ = n.SetAttr(ctx, path, &cachefs.AttrOptions{TTL: &ttl})
	case 6:
		pin := rng.IntN(2) == 0
		_ = n.SetAttr(ctx, path, &cachefs.AttrOptions{Pin: &pin})
	}
}
