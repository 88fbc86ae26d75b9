package s3ufs_test

import (
	"strings"
	"testing"

	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/s3ufs"
)

// TestServer59FirstReaders is the item of the table that needs a cache.
func TestServer59FirstReaders(t *testing.T) {
	v := realServer(t)
	prefix := place()
	s := v.open(t, prefix, s3ufs.Options{UFS: &ufs.Options{DisableHedge: true}})
	cachefstest.FirstReaders(t, s, func(key string, data []byte) { v.put(t, prefix+key, data) })
}

// TestServerSync: what others write to the bucket shows as the mount's policy says.
func TestServerSync(t *testing.T) {
	v := realServer(t)
	prefix := place()
	cachefstest.Sync(t, v.open(t, prefix, s3ufs.Options{}), v.open(t, prefix, s3ufs.Options{}))
}

// TestServerMountedTwice: a bucket has one place, however its endpoint is spelled.
func TestServerMountedTwice(t *testing.T) {
	v := realServer(t)
	prefix := strings.TrimSuffix(place(), "/")
	for _, name := range []string{"a/in/f", "ab/f"} {
		v.put(t, prefix+"/"+name, nil)
	}
	_, host, _ := strings.Cut(strings.Replace(v.endpoint, "127.0.0.1", "localhost", 1), "://")
	at := func(key, options string) string {
		return "s3://" + v.bucket + "/" + prefix + key + "?path_style=true&endpoint=" + options
	}
	cachefstest.Apart(t, at("/a", "http://"+host),
		[]string{
			at("/a/", "http://"+host), at("/a", "http://"+host+"/"), at("/a/in", "HTTP://"+strings.ToUpper(host)), at("", "http://"+host+"/"),
			at("/a", "http://"+host+"&requester_pays=false"),
		},
		[]string{at("/ab", "http://"+host), at("/ab", "http://"+strings.ToUpper(host)+"/")})
}
