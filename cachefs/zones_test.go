package cachefs_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/tier"
)

// TestSpreadOut: the next copy is in the zone, then in the rack, with the fewest.
func TestSpreadOut(t *testing.T) {
	for _, c := range []struct{ list, homes, want string }{
		{"x1a x1b x1c", "", "x1a x1b x1c"},
		{"x1a x1b y1a", "x1z", "y1a x1a x1b"},
		{"x1a y1a z1a", "", "x1a y1a z1a"},
		{"x1a x2a y1a y2a", "x1z y1z", "x2a y2a x1a y1a"},
		{"x1a x2a x2b", "x1z", "x2a x1a x2b"},
		{"x1a x1b", "y1z", "x1a x1b"},
		{"", "x1z", ""},
	} {
		require.Equal(t, c.want, cachefs.SpreadOut(c.list, c.homes), "%s beside %s", c.list, c.homes)
	}
}

// TestAZoneIsLostWithItsCopies: what only the cache has is in two zones when Close returns, whoever wrote it. All nodes of a zone lose their power
// at once: the others have every file, and go on to change.
func TestAZoneIsLostWithItsCopies(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		zoneOf := map[string]string{} // by address
		for i := range 6 {
			zoneOf[meshHost(i)+":7946"] = fmt.Sprint("zone", i%3)
		}
		c := cachefstest.New(t, 6, func(cfg *cachefs.Config) { cfg.Mesh.Zone = zoneOf[cfg.Mesh.Bind] })
		time.Sleep(20 * time.Second) // voters are chosen one at a time
		files := map[string][]byte{}
		for i, n := range c.Nodes {
			for k := range 10 {
				path := fmt.Sprintf("/f%d-%d", i, k)
				files[path] = content(uint32(10*i+k), 1000)
				require.NoError(t, writeFile(t.Context(), n, path, files[path], cachefs.CreateOptions{}))
				list, err := n.Locate(t.Context(), path, nil)
				require.NoError(t, err)
				var zones []string
				for _, r := range list[0].Nodes {
					zones = append(zones, zoneOf[r.Addr])
				}
				slices.Sort(zones)
				require.Len(t, slices.Compact(zones), 2, "%s is in %v", path, zones)
			}
		}
		primary := c.Primary()
		for i := primary % 3; i < 6; i += 3 {
			c.Crash(i)
		}
		left := c.Node()
		require.NoError(t, left.Mkdir(t.Context(), "/after", nil))
		for path, data := range files {
			require.NoError(t, same(readAll(t, left, path), data, 0), path)
		}
	})
}

// TestAFullNodeIsNoCopy: one that takes none leaves the copy to another one of its zone.
func TestAFullNodeIsNoCopy(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		zoneOf := map[string]string{}
		for i := range 4 {
			zoneOf[meshHost(i)+":7946"] = fmt.Sprint("zone", i%2)
		}
		c := cachefstest.New(t, 4, func(cfg *cachefs.Config) {
			cfg.Mesh.Zone, cfg.BlockSize = zoneOf[cfg.Mesh.Bind], 64<<10
			if cfg.Mesh.Bind == meshHost(1)+":7946" {
				cfg.Tiers = []tier.Config{{Kind: tier.Memory, Size: 256 << 10}}
			}
		})
		for k := range 20 {
			path := fmt.Sprint("/f", k)
			require.NoError(t, writeFile(t.Context(), c.Nodes[0], path, content(uint32(k), 400_000), cachefs.CreateOptions{}))
			list, err := c.Nodes[0].Locate(t.Context(), path, nil)
			require.NoError(t, err)
			last := list[len(list)-1].Nodes
			require.Len(t, last, 2)
			require.NotEqual(t, zoneOf[last[0].Addr], zoneOf[last[1].Addr], "%s is in %v", path, last)
		}
	})
}
