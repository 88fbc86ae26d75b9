package gcsufs_test

import (
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
