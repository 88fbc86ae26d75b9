package unittest_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/examples/unittest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/memufs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newNode is a node over a store in memory that holds one file.
func newNode(t *testing.T) (*cachefs.Node, *memufs.Store) {
	t.Helper()
	store := memufs.New(nil)
	w, err := store.UFS().Create(t.Context(), "in.log", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write([]byte("one\ntwo\nthree\n"))
	require.NoError(t, err)
	_, err = w.Commit(t.Context())
	require.NoError(t, err)
	node, err := cachefs.Open(t.Context(), cachefs.Config{
		Mounts: []cachefs.MountConfig{{Path: "/data", Store: store.UFS()}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, node.Close()) })
	return node, store
}

func TestCountLines(t *testing.T) {
	node, store := newNode(t)
	for range 3 {
		n, err := unittest.CountLines(t.Context(), node, "/data/in.log")
		require.NoError(t, err)
		require.Equal(t, 3, n)
	}
	require.Equal(t, 1, store.Calls()["open"], "the store is read once, however often the file is")
	_, err := unittest.CountLines(t.Context(), node, "/data/none")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestCountLinesWithoutStore scripts a store that fails: what is cached is served, what is not is the store's error.
func TestCountLinesWithoutStore(t *testing.T) {
	node, store := newNode(t)
	_, err := unittest.CountLines(t.Context(), node, "/data/in.log")
	require.NoError(t, err)
	store.OnCall(func(op, key string) error { return fs.ErrPermission })
	n, err := unittest.CountLines(t.Context(), node, "/data/in.log")
	require.NoError(t, err)
	require.Equal(t, 3, n)
	_, err = unittest.CountLines(t.Context(), node, "/data/other")
	require.True(t, errors.Is(err, fs.ErrPermission), "%v", err)
}
