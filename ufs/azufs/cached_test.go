package azufs_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/azufs"
	"github.com/millpond/millpond/ufs/objects/objectstest"
	"github.com/millpond/millpond/ufs/troubletest"
)

// TestServer59FirstReaders is the item of the table that needs a cache.
func TestServer59FirstReaders(t *testing.T) {
	s := connect(t)
	st, err := azufs.Open(t.Context(), s.name, "p", &azufs.Options{Endpoint: s.endpoint, UFS: &ufs.Options{DisableHedge: true}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	cachefstest.FirstReaders(t, st, func(key string, data []byte) { s.put(t, "p/"+key, data, nil) })
}

// TestServerSync: what others write to the container shows as the mount's policy says.
func TestServerSync(t *testing.T) {
	s := connect(t)
	cachefstest.Sync(t, s.open(t, "p"), s.open(t, "p"))
}

// TestServerMountedTwice: a container has one place, however the account's endpoint is spelled.
func TestServerMountedTwice(t *testing.T) {
	s := connect(t)
	for _, name := range []string{"a/in/f", "ab/f"} {
		s.put(t, name, nil, nil)
	}
	_, account, _ := strings.Cut(strings.Replace(s.endpoint, "127.0.0.1", "localhost", 1), "://")
	host, path, _ := strings.Cut(account, "/")
	at := func(key, endpoint string) string { return "azblob://" + s.name + key + "?endpoint=" + endpoint }
	cachefstest.Apart(t, at("/a", "http://"+account),
		[]string{at("/a/", "http://"+account), at("/a", "http://"+account+"/"), at("/a/in", "HTTP://"+strings.ToUpper(host)+"/"+path), at("", "http://"+account)},
		[]string{at("/ab", "http://"+account), at("/ab", "http://"+strings.ToUpper(host)+"/"+path+"/")})
}

// TestServerRequestsOfANode counts what users pay for. Azure's page is 5,000 names, which take azurite 50 s to put: TestServerRequests counts
// smaller ones.
func TestServerRequestsOfANode(t *testing.T) {
	s := connect(t)
	server, err := url.Parse(s.endpoint)
	require.NoError(t, err)
	p, err := faultproxy.Start(server.Scheme+"://"+server.Host, kind)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	st, err := azufs.Open(t.Context(), s.name, "p", &azufs.Options{Endpoint: p.URL() + server.Path, UFS: &ufs.Options{DisableHedge: true}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	cachefstest.Requests{
		Proxy: p, Store: st, Get: troubletest.Get, List: troubletest.List,
		Put: func(key string, data []byte) { s.put(t, "p/"+key, data, nil) },
	}.Run(t)
}

// TestServerAwkwardNames: what others wrote that is no path is left out and counted.
func TestServerAwkwardNames(t *testing.T) {
	s := connect(t)
	objectstest.AwkwardNames(t, s.open(t, "p"), "p", func(name string, data []byte) error {
		_, err := s.c.NewBlockBlobClient(name).UploadBuffer(t.Context(), data, nil)
		return err
	}, func() (names []string) {
		for pages := s.c.NewListBlobsFlatPager(nil); pages.More(); {
			page, err := pages.NextPage(t.Context())
			require.NoError(t, err)
			for _, b := range page.Segment.BlobItems {
				names = append(names, *b.Name)
			}
		}
		return names
	})
}
