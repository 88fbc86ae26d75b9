package cachefstest_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/tier"
)

// split is how many nodes the mesh that is parted has: 10 and 15, and under the race detector 2 and 3.
const split = 25 / min(racetest.Divisor, 5)

// TestManyNodesSplitAndHeal: the larger side has a primary and changes, the smaller one reads and is told that there is none; when the network
// heals all nodes show the same.
func TestManyNodesSplitAndHeal(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, split, func(c *cachefs.Config) {
			c.BlockSize, c.Tiers = 64<<10, []tier.Config{{Kind: tier.Memory, Size: 1 << 20}}
		})
		time.Sleep(15 * time.Second) // voters are chosen one at a time
		require.NoError(t, c.Nodes[0].Mkdir(t.Context(), "/before", nil))
		everywhere(t, c, "/before")
		roles := map[journal.Role][]int{}
		for i, n := range c.Nodes {
			role := n.Metrics().Journal.Role
			roles[role] = append(roles[role], i)
		}
		require.Len(t, roles[journal.RolePrimary], 1)
		all := slices.Concat(roles[journal.RolePrimary], roles[journal.RoleLearner], roles[journal.RoleVoter])
		smaller, larger := all[:split*10/25], all[split*10/25:] // the primary with those that have no vote
		c.Partition(smaller, larger)
		require.NoError(t, change(t, c.Nodes[larger[0]], "/larger", time.Minute))
		time.Sleep(10 * time.Second) // the primary before has noticed
		for _, i := range smaller {
			err := change(t, c.Nodes[i], "/smaller", 2*time.Second)
			require.ErrorIs(t, err, cachefs.ErrNoPrimary, "node %d", i)
			_, err = c.Nodes[i].Stat(t.Context(), "/before", nil)
			require.NoError(t, err, "node %d", i)
			_, err = c.Nodes[i].Stat(t.Context(), "/larger", nil)
			require.ErrorIs(t, err, cachefs.ErrNotExist, "node %d", i)
		}
		for _, i := range larger {
			_, err := c.Nodes[i].Stat(t.Context(), "/larger", &cachefs.StatOptions{Consistent: true})
			require.NoError(t, err, "node %d", i)
		}
		c.Heal()
		time.Sleep(10 * time.Second)
		require.NoError(t, change(t, c.Nodes[smaller[0]], "/after", time.Minute))
		for i, n := range c.Nodes {
			var names []string
			for in, err := range n.List(t.Context(), "/", &cachefs.ListOptions{Consistent: true}) {
				require.NoError(t, err, "node %d", i)
				names = append(names, in.Name())
			}
			require.Equal(t, []string{"after", "before", "larger", "mem"}, names, "node %d", i)
		}
		info, err := c.Nodes[smaller[0]].Cluster(context.Background())
		require.NoError(t, err)
		require.Len(t, info.Peers, split)
		for _, p := range info.Peers {
			require.NoError(t, p.Err, p.ID)
			require.Zero(t, p.Lag, p.ID)
		}
	})
}
