package cachefs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

// TestLocateInAMesh: the copies of each block, this node's own first.
func TestLocateInAMesh(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r, _ := openMesh(t, 3)
		r.put("f", 2*meshBlock+5)
		r.expect(0, "f", cachefs.CachePromote)
		r.expect(2, "f", cachefs.CachePromote)
		time.Sleep(time.Second) // a reader has its bytes before the block that they came with is whole
		for i, node := range r.nodes {
			list, err := node.Locate(t.Context(), "/mem/f", nil)
			require.NoError(t, err)
			require.Len(t, list, 3)
			for _, b := range list {
				ids := map[string]bool{}
				for _, c := range b.Nodes {
					ids[c.Node] = true
					require.Equal(t, tier.Memory, c.Kind)
					require.NotEmpty(t, c.Addr)
				}
				require.Len(t, ids, len(b.Nodes), "no node twice")
				require.True(t, ids[r.nodes[0].ID()] && ids[r.nodes[2].ID()], "who has read it has it")
				if i != 1 {
					require.Equal(t, node.ID(), b.Nodes[0].Node)
				}
			}
		}
		list, err := r.nodes[1].Locate(t.Context(), "/mem/f", &cachefs.LocateOptions{Offset: meshBlock, Length: 1})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.EqualValues(t, meshBlock, list[0].Offset)
		require.GreaterOrEqual(t, len(list[0].Nodes), 2)
	})
}

// TestLocateNamesTheHostFirst: of the other copies those on the same machine come before those elsewhere.
func TestLocateNamesTheHostFirst(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r, network := openMesh(t, 3)
		for i := range 3 { // a second node on each host
			openMeshNode(t, r, network, i, func(c *cachefs.Config) {
				c.Mesh.Bind, c.Mesh.Join = meshHost(i)+":7947", []string{meshHost(0) + ":7946"}
			})
		}
		r.put("f", meshBlock)
		for i := range r.nodes {
			r.expect(i, "f", cachefs.CachePromote)
		}
		time.Sleep(time.Second)
		for i, node := range r.nodes {
			list, err := node.Locate(t.Context(), "/mem/f", nil)
			require.NoError(t, err)
			require.Len(t, list, 1)
			require.Len(t, list[0].Nodes, 6)
			require.Equal(t, node.ID(), list[0].Nodes[0].Node, "itself")
			require.Equal(t, r.nodes[(i+3)%6].ID(), list[0].Nodes[1].Node, "the other one on its host")
		}
	})
}

// TestClusterSaysHowFarEachIs: a node that hears nothing of the primary lags by as many changes as it has missed; each is shown with its
// build and with the room of its tiers, by which the ring is shared.
func TestClusterSaysHowFarEachIs(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		sizes := map[string]int64{meshHost(0) + ":7946": 8 << 20, meshHost(1) + ":7946": 16 << 20, meshHost(2) + ":7946": 24 << 20}
		c := cachefstest.New(t, 3, func(cfg *cachefs.Config) {
			cfg.Tiers = []tier.Config{{Kind: tier.Memory, Size: sizes[cfg.Mesh.Bind]}}
		})
		time.Sleep(10 * time.Second) // all have votes
		primary := c.Primary()
		behind, asked := (primary+1)%3, (primary+2)%3
		before, err := c.Nodes[asked].Cluster(t.Context())
		require.NoError(t, err)
		for _, p := range before.Peers {
			require.Zero(t, p.Lag, p.ID)
			require.NotEmpty(t, p.Version)
			require.Len(t, p.Tiers.Tiers, 1)
			require.Equal(t, sizes[p.Addr], p.Tiers.Tiers[0].Capacity)
			require.InDelta(t, float64(sizes[p.Addr])/(48<<20), p.Share, 0.01)
		}
		c.Cut(primary, behind) // who is asked reaches both
		for i := range 5 {
			require.NoError(t, c.Nodes[primary].Mkdir(t.Context(), fmt.Sprint("/d", i), nil))
		}
		lag := func() map[string]uint64 {
			time.Sleep(time.Second)
			info, err := c.Nodes[asked].Cluster(t.Context())
			require.NoError(t, err)
			lag := map[string]uint64{}
			for _, p := range info.Peers {
				require.NoError(t, p.Err, p.ID)
				lag[p.ID] = p.Lag
			}
			return lag
		}
		ids := func(lag uint64) map[string]uint64 {
			return map[string]uint64{c.Nodes[primary].ID(): 0, c.Nodes[asked].ID(): 0, c.Nodes[behind].ID(): lag}
		}
		require.Equal(t, ids(5), lag())
		c.Heal()
		time.Sleep(5 * time.Second)
		require.Equal(t, ids(0), lag())
	})
}

// TestClusterInAMesh: all nodes are described by each, one of them as the primary; one that does not answer as far as the others know it.
func TestClusterInAMesh(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r, network := openMesh(t, 3)
		time.Sleep(10 * time.Second) // all have votes
		for _, node := range r.nodes {
			info, err := node.Cluster(t.Context())
			require.NoError(t, err)
			require.Equal(t, node.ID(), info.Self)
			require.Len(t, info.Peers, 3)
			primaries, share := 0, 0.0
			for _, p := range info.Peers {
				require.NoError(t, p.Err)
				require.Equal(t, peer.Alive, p.State)
				require.NotEmpty(t, p.Addr)
				require.NotEmpty(t, p.Tiers.Tiers)
				require.NotZero(t, p.Journal.Index)
				require.Contains(t, []journal.Role{journal.RolePrimary, journal.RoleVoter}, p.Role)
				require.Equal(t, p.Role == journal.RolePrimary, p.Primary)
				if p.Primary {
					primaries++
				}
				share += p.Share
			}
			require.Equal(t, 1, primaries)
			require.InDelta(t, 1, share, 1e-9)
		}
		network.Cut("10.0.0.1", "10.0.0.3")
		info, err := r.nodes[0].Cluster(t.Context())
		require.NoError(t, err)
		silent := 0
		for _, p := range info.Peers {
			if p.Err != nil {
				silent++
				require.Equal(t, r.nodes[2].ID(), p.ID)
				require.NotEmpty(t, p.Addr)
			}
		}
		require.Equal(t, 1, silent)
		network.Heal()
	})
}
