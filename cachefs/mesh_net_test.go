package cachefs_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

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
	c := r.config()
	c.Dir, c.FS = "/millpond", vfs.NewMem()
	c.Mesh = &peer.Config{Bind: meshHost(i) + ":7946", Secret: meshSecret, Network: network.Host(meshHost(i))}
	if i > 0 {
		c.Mesh.Join = []string{meshHost(0) + ":7946"}
	}
	for _, f := range configure {
		f(&c)
	}
	return r.open(c)
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
