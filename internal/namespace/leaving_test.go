package namespace_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/namespace"
)

func leaves(node string, lease [16]byte) *namespace.Leaving {
	return &namespace.Leaving{Leaver: namespace.Leaver{Node: node, Lease: lease}}
}

// TestLeavers: who leaves stands in the order in which they said so, until that run has gone or another one begins.
func TestLeavers(t *testing.T) {
	tree := namespace.New()
	nodes := func() (list []string) {
		for _, l := range tree.Leavers() {
			list = append(list, l.Node)
		}
		return list
	}
	do(t, tree, leaves("b", runB), leaves("a", earlierA), leaves("b", runB))
	require.Equal(t, []string{"b", "a"}, nodes())
	require.EqualValues(t, 2, tree.LeavingChanges(), "what was known changes nothing")
	before := tree.Leavers()

	do(t, tree, &namespace.ExpireNode{Node: [8]byte{'a'}, Keep: earlierA})
	require.Equal(t, []string{"b", "a"}, nodes(), "that run goes on leaving")
	do(t, tree, &namespace.ExpireNode{Node: [8]byte{'a'}, Keep: laterA})
	require.Equal(t, []string{"b"}, nodes(), "it is back")
	require.Len(t, before, 2, "what was asked for does not change")

	do(t, tree, leaves("a", laterA), leaves("a", earlierA))
	require.Len(t, tree.Leavers(), 2, "a node is one")
	ended := leaves("a", laterA)
	ended.Ended = true
	do(t, tree, ended)
	require.Equal(t, []string{"b", "a"}, nodes(), "another run has gone")
	ended.Lease = earlierA
	do(t, tree, ended)
	require.Equal(t, []string{"b"}, nodes())
	do(t, tree, &namespace.ExpireLeases{Lease: runB})
	require.Equal(t, []string{"b"}, nodes(), "it may still be there")
	do(t, tree, &namespace.ExpireLeases{Lease: earlierA, Except: true})
	require.Empty(t, nodes())
}

// TestLeaversAreNoHomes: who has said that he leaves becomes nobody's home, by whatever was begun before.
func TestLeaversAreNoHomes(t *testing.T) {
	for _, how := range []namespace.PersistState{namespace.NotPersisted, namespace.ToPersist} {
		tree := namespace.New()
		ino, other := begun(t, tree, "/f", runB), begun(t, tree, "/g", earlierA)
		do(t, tree, leaves("a", earlierA))
		id := [16]byte{5}
		require.NoError(t, do(t, tree, &namespace.CompleteFile{Ino: ino, Lease: runB, FileID: id, Homes: []string{"b", "a"}, Persist: how}).Err)
		homes := func() []string {
			in, ok := tree.Get(ino)
			require.True(t, ok)
			return in.Homes
		}
		require.Equal(t, []string{"b"}, homes())
		require.NoError(t, do(t, tree, &namespace.SetHomes{Ino: ino, FileID: id, Add: []string{"a", "c"}}).Err)
		require.Equal(t, []string{"b", "c"}, homes())
		require.NoError(t, do(t, tree, &namespace.SetHomes{Ino: ino, FileID: id, Lost: true}, &namespace.SetHomes{Ino: ino, FileID: id, Add: []string{"a"}}).Err)
		in, _ := tree.Get(ino)
		require.Equal(t, namespace.Lost, in.Persist)

		c := &namespace.CompleteFile{Ino: other, Lease: earlierA, FileID: id, Homes: []string{"a"}, Persist: how}
		require.ErrorIs(t, do(t, tree, c).Err, namespace.ErrLeaseLost, "nobody would have it")
		c.Persist = namespace.Persisted
		require.NoError(t, do(t, tree, c).Err, "its store has it")
	}
}
