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
