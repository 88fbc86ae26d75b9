package hdfsufs_test

import (
	"path"
	"testing"

	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/ufs/hdfsufs"
)

// TestServer59FirstReaders is the item of the table that needs a cache.
func TestServer59FirstReaders(t *testing.T) {
	v := realServer(t)
	dir := v.place(t)
	cachefstest.FirstReaders(t, v.open(t, dir, hdfsufs.Options{}), func(key string, data []byte) { v.put(t, path.Join(dir, key), data) })
}

// TestServerSync: what others write to the directory shows as the mount's policy says.
func TestServerSync(t *testing.T) {
	v := realServer(t)
	dir := v.place(t)
	cachefstest.Sync(t, v.open(t, dir, hdfsufs.Options{}), v.open(t, dir, hdfsufs.Options{}))
}
