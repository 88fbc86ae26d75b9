package cachefstest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/memtest"
	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/tier"
)

// many is how many nodes the largest mesh of the tests has.
const many = 100 / racetest.Divisor

// TestManyNodes: whole nodes join and elect, lose their primary and elect another, and what one changes all have. It says what
// that takes: figures to look at, with bounds far from them.
func TestManyNodes(t *testing.T) {
	wall := time.Now()
	bubbletest.Test(t, func(t *testing.T) {
		before, start := memtest.InUse(), time.Now()
		c := cachefstest.New(t, many, func(c *cachefs.Config) {
			c.BlockSize, c.Tiers = 64<<10, []tier.Config{{Kind: tier.Memory, Size: 1 << 20}}
		})
		first := c.Primary()
		joined, sent := time.Since(start), c.Sent()
		t.Logf("%d nodes have a primary after %v: each sent %d KB in packets and %d KB over streams",
			many, joined.Round(time.Millisecond), sent.PacketBytes/many>>10, sent.ConnBytes/many>>10)
		require.NoError(t, c.Nodes[many-1].Mkdir(t.Context(), "/a", nil))
		everywhere(t, c, "/a")
		time.Sleep(10 * time.Second) // voters are chosen one at a time
		roles := map[journal.Role]int{}
		for _, n := range c.Nodes {
			roles[n.Metrics().Journal.Role]++
		}
		require.Equal(t, 1, roles[journal.RolePrimary])
		require.Equal(t, 4, roles[journal.RoleVoter])
		require.EqualValues(t, many-5, roles[journal.RoleLearner])
		perNode := (memtest.InUse() - before) / many
		t.Logf("each takes %d KB of memory, its tier of 1 MiB with it", perNode>>10)
		require.Less(t, perNode, int64(16<<20))

		sent = c.Sent()
		time.Sleep(time.Minute)
		idle := c.Sent()
		t.Logf("an idle node sends %d bytes/s in packets and %d over streams",
			(idle.PacketBytes-sent.PacketBytes)/many/60, (idle.ConnBytes-sent.ConnBytes)/many/60)

		c.Kill(first)
		start = time.Now()
		asked := (first + 1) % many
		require.NoError(t, c.Nodes[asked].Mkdir(t.Context(), "/b", nil))
		t.Logf("the first change after the primary's death: %v", time.Since(start).Round(time.Millisecond))
		require.Less(t, time.Since(start), 5*time.Second)
		everywhere(t, c, "/b")
	})
	t.Logf("wall time %v", time.Since(wall).Round(time.Millisecond))
}

// everywhere asks each node for a path, which all of them must have soon.
func everywhere(t *testing.T, c *cachefstest.Cluster, path string) {
	t.Helper()
	for i, n := range c.Nodes {
		if n == nil {
			continue
		}
		_, err := n.Stat(t.Context(), path, &cachefs.StatOptions{Consistent: true})
		require.NoError(t, err, "node %d", i)
	}
}
