package hdfsufs_test

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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

// TestServerMountedTwice: a directory has one place, by whichever of the NameNodes' addresses.
func TestServerMountedTwice(t *testing.T) {
	v := realServer(t)
	dir := v.place(t)
	for _, in := range []string{"a/in", "ab"} {
		require.NoError(t, v.client.MkdirAll(path.Join(dir, in), 0o777))
	}
	nn := strings.Replace(v.namenode, "127.0.0.1", "localhost", 1)
	const another = ",127.0.0.1:1" // a NameNode that is down
	cachefstest.Apart(t, "hdfs://"+nn+another+dir+"/a",
		[]string{"hdfs://" + nn + dir + "/a/", "hdfs://" + strings.ToUpper(nn) + dir + "/a/in", "hdfs://" + nn + another + another + dir, "hdfs://" + nn + "/?user=me"},
		[]string{"hdfs://" + nn + dir + "/ab"})
}
