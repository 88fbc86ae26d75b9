package s3ufs_test

import (
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
