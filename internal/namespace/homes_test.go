package namespace_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/namespace"
)

// TestHomes: a file without homes is lost, and what it was before once it is found; what a store has has no need of any.
func TestHomes(t *testing.T) {
	for _, was := range []namespace.PersistState{namespace.NotPersisted, namespace.ToPersist} {
		tree := namespace.New()
		id := [16]byte{5}
		ino := do(t, tree, &namespace.CreateFile{Path: "/f", BlockSize: 1 << 20}).Ino
		do(t, tree, &namespace.CompleteFile{Ino: ino, FileID: id, Size: 9, Homes: []string{"a", "b"}, Persist: was})
		set := func(x namespace.SetHomes) namespace.Inode {
			x.Ino, x.FileID = ino, id
			require.NoError(t, do(t, tree, &x).Err)
			in, ok := tree.Get(ino)
			require.True(t, ok)
			return in
		}
		in := set(namespace.SetHomes{Drop: []string{"a", "c"}})
		require.Equal(t, []string{"b"}, in.Homes)
		require.Equal(t, was, in.Persist)
		in = set(namespace.SetHomes{Lost: true})
		require.Equal(t, []string{"b"}, in.Homes, "it may come back")
		require.Equal(t, namespace.Lost, in.Persist)
		in = set(namespace.SetHomes{Drop: []string{"b"}})
		require.Equal(t, namespace.Lost, in.Persist)
		in = set(namespace.SetHomes{Add: []string{"c"}})
		require.Equal(t, []string{"c"}, in.Homes)
		require.Equal(t, was, in.Persist)
		in = set(namespace.SetHomes{Drop: []string{"c"}})
		require.Equal(t, namespace.Lost, in.Persist)
		require.Len(t, tree.Unsaved(0, 9), 1)
		require.Empty(t, tree.Unsaved(ino, 9))

		do(t, tree, &namespace.PersistedFile{Ino: ino, FileID: id, Version: "v"})
		require.Equal(t, namespace.Persisted, set(namespace.SetHomes{Lost: true}).Persist)
		require.Empty(t, tree.Unsaved(0, 9))
	}
}

// TestFreeFiles: blocks of those files go whose bytes a store has, and which nobody pinned.
func TestFreeFiles(t *testing.T) {
	tree := namespace.New()
	id := [16]byte{5}
	free := func(x namespace.Freeing) []namespace.Effect {
		_, effects := tree.Apply(9, 9, (&namespace.FreeFiles{Files: []namespace.Freeing{x, {Ino: 77}}}).Append(nil))
		return effects
	}
	ino := do(t, tree, &namespace.CreateFile{Path: "/f", BlockSize: 1 << 20}).Ino
	require.Empty(t, free(namespace.Freeing{Ino: ino}), "it is being written")
	do(t, tree, &namespace.CompleteFile{Ino: ino, FileID: id, Size: 9})
	require.Empty(t, free(namespace.Freeing{Ino: ino, FileID: id}), "only the cache has it")
	do(t, tree, &namespace.PersistedFile{Ino: ino, FileID: id, Version: "v"})
	require.Empty(t, free(namespace.Freeing{Ino: ino, FileID: [16]byte{6}}), "another version")
	require.Equal(t, []namespace.Effect{{Kind: namespace.Freed, Ino: ino, FileID: id, Complete: true, Size: 9, BlockSize: 1 << 20}}, free(namespace.Freeing{Ino: ino, FileID: id}))
	do(t, tree, &namespace.SetAttr{Path: "/f", Pin: new(true)})
	require.Empty(t, free(namespace.Freeing{Ino: ino, FileID: id}), "it is pinned")
}
