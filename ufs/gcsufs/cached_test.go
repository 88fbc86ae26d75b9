package gcsufs_test

import (
	"strings"
	"testing"

	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/ufs"
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
