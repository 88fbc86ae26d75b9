package namespace_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/namespace"
)

// Runs of two nodes, a and b.
var (
	earlierA = [16]byte{'a', 15: 1}
	laterA   = [16]byte{'a', 15: 2}
	runB     = [16]byte{'b', 15: 1}
)

func begun(t *testing.T, tree *namespace.Tree, path string, lease [16]byte) uint64 {
	a := do(t, tree, &namespace.CreateFile{Path: path, BlockSize: 1 << 20, Lease: lease})
	require.NoError(t, a.Err)
	return a.Ino
}

// TestExpireNode: what earlier runs of a node were writing goes; what its present one, and other nodes, are writing stays.
func TestExpireNode(t *testing.T) {
	tree := namespace.New()
	begun(t, tree, "/old", earlierA)
	begun(t, tree, "/new", laterA)
	begun(t, tree, "/other", runB)
	require.Equal(t, [][16]byte{earlierA, laterA, runB}, tree.Leases())
	require.NoError(t, do(t, tree, &namespace.ExpireNode{Node: [8]byte{'a'}, Keep: laterA}).Err)
	_, err := tree.Stat("/old", nil)
	require.ErrorIs(t, err, namespace.ErrNotExist)
	for _, path := range []string{"/new", "/other"} {
		_, err := tree.Stat(path, nil)
		require.NoError(t, err, path)
	}
	require.Equal(t, [][16]byte{laterA, runB}, tree.Leases())
}

// TestIntentsBelongToARun: whom an intent was taken from can neither end it nor take it back, and it ends once.
func TestIntentsBelongToARun(t *testing.T) {
	tree := namespace.New()
	require.NoError(t, do(t, tree, &namespace.Mount{Path: "/m", Place: "mem://a"}).Err)
	id := do(t, tree, &namespace.BeginBy{Begin: namespace.Begin{Kind: namespace.IntentMkdir, Path: "/m/d"}, Lease: earlierA}).IntentID
	before, _ := tree.Intent(id)
	require.Equal(t, earlierA, before.Lease)

	require.ErrorIs(t, do(t, tree, &namespace.Adopt{IntentID: id, From: laterA, To: runB}).Err, namespace.ErrLeaseLost)
	require.NoError(t, do(t, tree, &namespace.Adopt{IntentID: id, From: earlierA, To: runB}).Err)
	require.ErrorIs(t, do(t, tree, &namespace.Adopt{IntentID: id, From: earlierA, To: laterA}).Err, namespace.ErrLeaseLost)
	require.Equal(t, earlierA, before.Lease, "what was asked for does not change")

	end := namespace.End{IntentID: id, Commit: true}
	require.ErrorIs(t, do(t, tree, &namespace.EndBy{End: end, Lease: earlierA}).Err, namespace.ErrLeaseLost)
	_, err := tree.Stat("/m/d", nil)
	require.ErrorIs(t, err, namespace.ErrNotExist)
	require.NoError(t, do(t, tree, &namespace.EndBy{End: end, Lease: runB}).Err)
	_, err = tree.Stat("/m/d", nil)
	require.NoError(t, err)
	require.ErrorIs(t, do(t, tree, &namespace.EndBy{End: end, Lease: runB}).Err, namespace.ErrLeaseLost)
	require.ErrorIs(t, do(t, tree, &namespace.Adopt{IntentID: id, From: runB, To: laterA}).Err, namespace.ErrLeaseLost)
	require.Empty(t, tree.Leases())
}
