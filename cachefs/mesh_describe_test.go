package cachefs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
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
