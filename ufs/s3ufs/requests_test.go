package s3ufs_test

import (
	"io"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/s3ufs"
)

// requests are counted at a proxy in front of the server.
type requests = map[string]int

// mounted is a node with a counted place at /in. Nothing is hedged: that is counted apart.
func mounted(t *testing.T) (*trouble, *cachefs.Node) {
	v := newTrouble(t, s3ufs.Options{UFS: &ufs.Options{DisableHedge: true}})
	n, err := cachefs.Open(t.Context(), cachefs.Config{
		Tiers:  []tier.Config{{Kind: tier.Memory, Size: 128 << 20}},
		Mounts: []cachefs.MountConfig{{Path: "/in", Store: v.store}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return v, n
}

// fill puts objects below the place, many at a time.
func (v *trouble) fill(t *testing.T, names []string, data []byte) {
	var wg sync.WaitGroup
	const writers = 16
	for w := range writers {
		wg.Go(func() {
			for i := w; i < len(names); i += writers {
				v.put(t, v.prefix+names[i], data)
			}
		})
	}
	wg.Wait()
}

// read reads a whole file of a node.
func read(t *testing.T, n *cachefs.Node, path string) []byte {
	f, err := n.Open(t.Context(), path, nil)
	require.NoError(t, err)
	defer f.Close()
	data, err := io.ReadAll(f)
	require.NoError(t, err)
	return data
}

// TestServerRequests counts what users pay for.
func TestServerRequests(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{UFS: &ufs.Options{DisableHedge: true}})
	cachefstest.Requests{
		Proxy: v.Proxy, Store: v.store, Get: "get", List: "list", Page: 1000,
		Put: func(key string, data []byte) { v.put(t, v.prefix+key, data) },
	}.Run(t)
	t.Run("each_call_of_the_driver", driverCalls)
}

// driverCalls holds the table in doc.go to what it says.
func driverCalls(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{CopyWhole: 5 << 20, UFS: &ufs.Options{DisableHedge: true}})
	ctx := t.Context()
	v.put(t, v.prefix+"f", pattern(100))
	v.put(t, v.prefix+"dir/g", pattern(100))
	v.put(t, v.prefix+"large", pattern(12<<20))
	raw := v.store
	misses := 1 // of a HEAD that finds nothing
	if isOld() {
		misses = 2
	}
	for _, c := range []struct {
		name string
		do   func() error
		want requests
	}{
		{"stat of a file", func() error { _, err := raw.Stat(ctx, "f"); return err }, requests{"head": 1}},
		{"stat of a directory", func() error { _, err := raw.Stat(ctx, "dir"); return err }, requests{"head": misses, "list": 1}},
		{"a listing", func() error { _, err := raw.ListPage(ctx, ufs.ListOptions{}); return err }, requests{"list": 1}},
		{"a range", func() error { _, err := raw.ReadAt(ctx, "f", "", make([]byte, 10), 5); return err }, requests{"get": 1}},
		{"a small upload", func() error { _, err := writeFile(t, raw, "new", pattern(100)); return err }, requests{"put": 1}},
		{"an upload of three parts", func() error { _, err := writeFile(t, raw, "parts", pattern(12<<20)); return err }, requests{"begin": 1, "part": 3, "complete": 1}},
		{"an upload that is aborted", func() error {
			w, err := raw.Create(ctx, "given up", ufs.CreateOptions{})
			require.NoError(t, err)
			_, err = w.Write(pattern(12 << 20))
			require.NoError(t, err)
			return w.Abort(ctx)
		}, requests{"begin": 1, "part": 2, "abort": 1}},
		{"a small copy", func() error { _, err := raw.Copy(ctx, "f", "copy", ""); return err }, requests{"head": 1, "copy": 1}},
		{"a copy of three parts", func() error { _, err := raw.Copy(ctx, "large", "copy", ""); return err }, requests{"head": 1, "begin": 1, "copypart": 3, "complete": 1}},
		{"a delete", func() error { return raw.Delete(ctx, "new") }, requests{"head": 1, "delete": 1}},
	} {
		v.Reset()
		require.NoError(t, c.do(), c.name)
		require.Equal(t, c.want, v.Counts(), c.name)
	}
}
