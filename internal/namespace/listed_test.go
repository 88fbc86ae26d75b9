package namespace_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/namespace"
)

// A listing that began before the first file of a directory was published lacks the directory, which only the namespace had
// then: it stays, and the file with it.
func TestListingOlderThanItsDirectory(t *testing.T) {
	tree := namespace.New()
	at := uint64(0)
	apply := func(c cmd) namespace.Answer {
		at++
		raw, _ := tree.Apply(at, int64(at), c.Append(nil))
		a, err := namespace.DecodeAnswer(raw)
		require.NoError(t, err)
		require.NoError(t, a.Err)
		return a
	}
	apply(&namespace.Mount{Path: "/m", Spec: []byte("{}")})
	ino := apply(&namespace.CreateFile{Path: "/m/a/b/f", Parents: true, BlockSize: 64 << 10}).Ino
	apply(&namespace.CompleteFile{Ino: ino, Size: 9, Persist: namespace.ToPersist})
	since := tree.Index()
	id := apply(&namespace.Begin{Kind: namespace.IntentPublish, Path: "/m/a/b/f", Ino: ino, Key: "a/b/f", To: "9"}).IntentID
	apply(&namespace.End{IntentID: id, Commit: true, Version: "v"})
	apply(&namespace.Discover{Mount: "/m", SyncedAt: 100, Listed: []string{""}, Since: since})
	in, err := tree.Stat("/m/a/b/f", nil)
	require.NoError(t, err)
	require.Equal(t, namespace.Persisted, in.Persist)
	apply(&namespace.Discover{Mount: "/m", SyncedAt: 200, Listed: []string{""}, Since: tree.Index()})
	_, err = tree.Stat("/m/a/b/f", nil)
	require.ErrorIs(t, err, namespace.ErrNotExist, "a later one tells what is gone")
}
