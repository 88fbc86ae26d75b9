package cachefs_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/netsim"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/ufs/memufs"
)

const meshSecret = "a secret of some length"

// openMesh opens n nodes that are one mesh over a network in memory.
func openMesh(t *testing.T, n int) (*readers, *netsim.Net) {
	t.Helper()
	network := netsim.New(1)
	return openMeshOver(t, network, n, func(h *netsim.Host) peer.Network { return h }), network
}

// openMeshOver is openMesh over a network of the caller's: each node's host goes through wrap. configure changes a Config.
func openMeshOver(t *testing.T, network *netsim.Net, n int, wrap func(h *netsim.Host) peer.Network, configure ...func(c *cachefs.Config)) *readers {
	t.Helper()
	r := openReadersOver(t, memufs.New(nil), 0)
	r.mesh = nil
	for i := range n {
		openMeshNode(t, r, network, i, append(slices.Clone(configure), func(c *cachefs.Config) { c.Mesh.Network = wrap(network.Host(meshHost(i))) })...)
	}
	return r
}

func meshHost(i int) string { return fmt.Sprintf("10.0.0.%d", i+1) }

// openMeshNode opens the i-th node of a mesh, which finds the others by the first one.
func openMeshNode(t *testing.T, r *readers, network *netsim.Net, i int, configure ...func(c *cachefs.Config)) *cachefs.Node {
	t.Helper()
	return r.open(meshNodeConfig(r, network, i, configure...))
}

func meshNodeConfig(r *readers, network *netsim.Net, i int, configure ...func(c *cachefs.Config)) cachefs.Config {
	c := r.config()
	c.Dir, c.FS = "/millpond", vfs.NewMem()
	c.Mesh = &peer.Config{Bind: meshHost(i) + ":7946", Secret: meshSecret, Network: network.Host(meshHost(i))}
	if i > 0 {
		c.Mesh.Join = []string{meshHost(0) + ":7946"}
	}
	for _, f := range configure {
		f(&c)
	}
	return c
}

// TestMeshOfThree: nodes find each other, have one namespace, and read the store once.
func TestMeshOfThree(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r, _ := openMesh(t, 3)
		total := r.readAllEverywhere(2)
		require.EqualValues(t, total, r.sent())
		require.NoError(t, r.nodes[1].Mkdir(t.Context(), "/d", nil))
		require.Eventually(t, func() bool {
			for _, n := range r.nodes {
				if _, err := n.Stat(t.Context(), "/d", nil); err != nil {
					return false
				}
			}
			return true
		}, 5*time.Second, 10*time.Millisecond)
	})
}

// TestMeshOfYoungNodes: to each of some nodes that have just come the others are the mesh before it. That had none of its blocks: each node
// brings what it owns itself, and holds it alone.
func TestMeshOfYoungNodes(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r, _ := openMesh(t, 3)
		total := len(r.put("f", 40*meshBlock))
		r.expect(0, "f", cachefs.CachePromote)
		require.EqualValues(t, total, r.sent())
		var brought uint64
		for i, n := range r.nodes {
			m := n.Metrics()
			require.Positive(t, m.StoreBytes, "node %d", i)
			brought += m.StoreBytes
			if i > 0 {
				require.Zero(t, m.PeerBytes, "node %d has what another one owns", i)
			}
		}
		require.EqualValues(t, total, brought)
	})
}

// TestNameOfItselfAlone: the first node's name has its own address alone. Others may be about to come: it waits for them before it begins a
// journal, and one that has come by then is in the same mesh.
func TestNameOfItselfAlone(t *testing.T) {
	const wait = 3 * time.Second // BootstrapWait's default
	named := func(c *cachefs.Config) { c.Mesh.Join = []string{"mesh.test:7946"} }
	for name, comes := range map[string]bool{"nobody comes": false, "another comes": true} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				network := netsim.New(1)
				network.SetName("mesh.test", meshHost(0))
				r := openReadersOver(t, memufs.New(nil), 0)
				began := time.Now()
				var alone *cachefs.Node
				first := make(chan time.Duration, 1)
				cfg := meshNodeConfig(r, network, 0, named)
				go func() {
					var err error
					alone, err = cachefs.Open(context.Background(), cfg)
					assert.NoError(t, err)
					first <- time.Since(began)
				}()
				time.Sleep(wait / 3)
				if comes {
					network.SetName("mesh.test", meshHost(0), meshHost(1))
					openMeshNode(t, r, network, 1, named)
				}
				took := <-first
				defer alone.Close()
				r.nodes = append(r.nodes, alone)
				require.GreaterOrEqual(t, took, wait, "it has a join source")
				require.Less(t, took, 2*wait)
				require.NoError(t, r.nodes[0].Mkdir(t.Context(), "/d", nil))
				for _, n := range r.nodes {
					info, err := n.Cluster(t.Context())
					require.NoError(t, err)
					require.Len(t, info.Peers, len(r.nodes))
					_, err = n.Stat(t.Context(), "/d", &cachefs.StatOptions{Consistent: true})
					require.NoError(t, err)
				}
			})
		})
	}
	t.Run("no name", func(t *testing.T) {
		bubbletest.Test(t, func(t *testing.T) {
			r := openReadersOver(t, memufs.New(nil), 0)
			began := time.Now()
			openMeshNode(t, r, netsim.New(1), 0)
			require.Less(t, time.Since(began), wait, "there is nobody to wait for")
		})
	})
}
