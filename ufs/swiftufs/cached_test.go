package swiftufs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/swiftufs"
)

// TestServer59FirstReaders is the item of the table that needs a cache.
func TestServer59FirstReaders(t *testing.T) {
	s := connect(t)
	st, err := swiftufs.Open(t.Context(), s.name, "p", &swiftufs.Options{UFS: &ufs.Options{DisableHedge: true}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	cachefstest.FirstReaders(t, st, func(key string, data []byte) {
		require.NoError(t, s.c.ObjectPutBytes(t.Context(), s.name, "p/"+key, data, ""))
	})
}

// TestServerSync: what others write to the container shows as the mount's policy says.
func TestServerSync(t *testing.T) {
	s := connect(t)
	cachefstest.Sync(t, s.open(t, "p"), s.open(t, "p"))
}

// TestServerMountedTwice: a container has one place.
func TestServerMountedTwice(t *testing.T) {
	s := connect(t)
	for _, name := range []string{"a/in/f", "ab/f"} {
		require.NoError(t, s.c.ObjectPutBytes(t.Context(), s.name, name, nil, ""))
	}
	at := "swift://" + s.name
	cachefstest.Apart(t, at+"/a", []string{at, at + "/", at + "/a/", at + "/a/in"}, []string{at + "/ab"})
}
