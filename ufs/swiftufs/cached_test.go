package swiftufs_test

import (
	"os"
	"strings"
	"testing"

	"github.com/ncw/swift/v2"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/objects/objectstest"
	"github.com/millpond/millpond/ufs/swiftufs"
	"github.com/millpond/millpond/ufs/troubletest"
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

// TestServerRequestsOfANode counts what users pay for. Swift's page is 10,000 names, which would take minutes to put: smaller pages
// are counted by the table.
func TestServerRequestsOfANode(t *testing.T) {
	s := connect(t)
	p, err := faultproxy.Start(strings.TrimSuffix(os.Getenv("ST_AUTH"), "/auth/v1.0"), kind)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	st, err := swiftufs.Open(t.Context(), s.name, "p", &swiftufs.Options{UFS: &ufs.Options{DisableHedge: true}, Connect: func(c *swift.Connection) error {
		err := c.ApplyEnvironment()
		c.AuthUrl = p.URL() + "/auth/v1.0"
		return err
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	cachefstest.Requests{
		Proxy: p, Store: st, Get: troubletest.Get, List: troubletest.List,
		Put: func(key string, data []byte) {
			require.NoError(t, s.c.ObjectPutBytes(t.Context(), s.name, "p/"+key, data, ""))
		},
	}.Run(t)
}

// TestServerAwkwardNames: what others wrote that is no path is left out and counted.
func TestServerAwkwardNames(t *testing.T) {
	s := connect(t)
	objectstest.AwkwardNames(t, s.open(t, "p"), "p", func(name string, data []byte) error {
		return s.c.ObjectPutBytes(t.Context(), s.name, name, data, "")
	}, func() []string { return s.names(t, s.name, "") })
}
