package gcsufs_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/iterator"

	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/gcsufs"
	"github.com/millpond/millpond/ufs/objects/objectstest"
	"github.com/millpond/millpond/ufs/troubletest"
)

// TestServer59FirstReaders is the item of the table that needs a cache.
func TestServer59FirstReaders(t *testing.T) {
	s := connect(t)
	o := s.options()
	o.UFS = &ufs.Options{DisableHedge: true}
	cachefstest.FirstReaders(t, s.open(t, "p", o), func(key string, data []byte) { s.put(t, "p/"+key, data) })
}

// TestServerSync: what others write to the bucket shows as the mount's policy says.
func TestServerSync(t *testing.T) {
	s := connect(t)
	cachefstest.Sync(t, s.open(t, "p", s.options()), s.open(t, "p", s.options()))
}

// TestServerMountedTwice: a bucket has one place, however its endpoint is spelled.
func TestServerMountedTwice(t *testing.T) {
	s := connect(t)
	for _, name := range []string{"a/in/f", "ab/f"} {
		s.put(t, name, nil)
	}
	_, host, _ := strings.Cut(strings.Replace(s.endpoint, "127.0.0.1", "localhost", 1), "://")
	at := func(key, endpoint string) string {
		return "gs://" + s.name + key + "?anonymous=true&endpoint=" + endpoint
	}
	cachefstest.Apart(t, at("/a", "http://"+host),
		[]string{at("/a/", "http://"+host), at("/a", "http://"+host+"/"), at("/a/in", "HTTP://"+strings.ToUpper(host)), at("", "http://"+host+"&reads=xml")},
		[]string{at("/ab", "http://"+host), at("/ab", "http://"+strings.ToUpper(host)+"/")})
}

// TestServerRequestsOfANode counts what users pay for. That prefixes count against the page, which fake-gcs-server does not know, no test shows.
func TestServerRequestsOfANode(t *testing.T) {
	s := connect(t)
	p, err := faultproxy.Start(s.endpoint, kind)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	o := gcsufs.Options{Endpoint: p.URL(), Client: &http.Client{Transport: transport(t, p.URL())}, UFS: &ufs.Options{DisableHedge: true}}
	cachefstest.Requests{
		Proxy: p, Store: s.open(t, "p", o), Get: troubletest.Get, List: troubletest.List, Page: 1000,
		Put: func(key string, data []byte) { s.put(t, "p/"+key, data) },
	}.Run(t)
}

// TestServerAwkwardNames: what others wrote that is no path is left out and counted.
func TestServerAwkwardNames(t *testing.T) {
	s := connect(t)
	objectstest.AwkwardNames(t, s.open(t, "p", s.options()), "p", func(name string, data []byte) error {
		w := s.h.Object(name).NewWriter(t.Context())
		w.ChunkSize = 0
		_, err := w.Write(data)
		return errors.Join(err, w.Close())
	}, func() (names []string) {
		for it := s.h.Objects(t.Context(), nil); ; {
			o, err := it.Next()
			if errors.Is(err, iterator.Done) {
				return names
			}
			require.NoError(t, err)
			names = append(names, o.Name)
		}
	})
}
