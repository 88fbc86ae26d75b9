package cachefstest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
)

// Requests are for the tests of a remote driver of this repository: what users pay for, counted at the proxy in front of its store.
type Requests struct {
	Proxy     *faultproxy.Proxy
	Store     *ufs.Store                    // a fresh place behind the proxy, with ufs.Options.DisableHedge: hedges are counted apart
	Get, List string                        // how the proxy calls requests that read, and that list
	Put       func(key string, data []byte) // makes a file of the place past the driver and the proxy; many at a time
	Page      int                           // entries of the store's own page; 0 leaves out that listings are divided by it
}

// Run counts, in subtests: reading a cold object that is known is exactly its ranged GETs; listing is the entries, prefixes
// included, divided by the store's page, rounded up, and no HEAD; Load of a tree is lists and GETs only; a warm pass is nothing.
func (r Requests) Run(t *testing.T) {
	n, err := cachefs.Open(t.Context(), cachefs.Config{
		Tiers:  []tier.Config{{Kind: tier.Memory, Size: 128 << 20}},
		Mounts: []cachefs.MountConfig{{Path: MountPath, Store: r.Store}},
	})
	require.NoError(t, err)
	defer n.Close()
	t.Run("reading_a_known_cold_object_is_its_ranged_GETs", func(t *testing.T) { r.cold(t, n) })
	if r.Page > 0 {
		t.Run("listing_is_its_pages_and_no_HEAD", func(t *testing.T) { r.pages(t, n) })
	}
	t.Run("Load_of_a_tree_is_lists_and_GETs_and_a_warm_pass_nothing", func(t *testing.T) { r.tree(t, n) })
}

func (r Requests) cold(t *testing.T, n *cachefs.Node) {
	for size, gets := range map[int]int{1: 1, 4 << 20: 1, 10 << 20: 3} {
		want := make([]byte, size)
		rand.NewChaCha8([32]byte{byte(gets)}).Read(want)
		key := fmt.Sprint("f", size)
		r.Put(key, want)
		_, err := n.Stat(t.Context(), MountPath+"/"+key, nil)
		require.NoError(t, err)
		r.Proxy.Reset()
		require.NoError(t, holds(t.Context(), n, MountPath+"/"+key, want))
		require.Equal(t, map[string]int{r.Get: gets}, r.Proxy.Counts(), "cold, %d bytes", size)
		r.Proxy.Reset()
		require.NoError(t, holds(t.Context(), n, MountPath+"/"+key, want))
		require.Empty(t, r.Proxy.Counts(), "warm, %d bytes", size)
	}
}

// fill makes files, many at a time.
func (r Requests) fill(keys []string, data []byte) {
	const writers = 16
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := w; i < len(keys); i += writers {
				r.Put(keys[i], data)
			}
		})
	}
	wg.Wait()
}

// pages lists a directory of files and directories that is a little more than a page.
func (r Requests) pages(t *testing.T, n *cachefs.Node) {
	files, dirs := r.Page+25, 75
	var keys []string
	for i := range files {
		keys = append(keys, fmt.Sprintf("dir/f%05d", i))
	}
	for i := range dirs {
		keys = append(keys, fmt.Sprintf("dir/d%02d/x", i))
	}
	r.fill(keys, nil)
	r.Proxy.Reset()
	entries := 0
	for _, err := range n.List(t.Context(), MountPath+"/dir", nil) {
		require.NoError(t, err)
		entries++
	}
	require.Equal(t, files+dirs, entries)
	require.Equal(t, map[string]int{r.List: 2}, r.Proxy.Counts(), "%d entries in pages of %d", entries, r.Page)
}

func (r Requests) tree(t *testing.T, n *cachefs.Node) {
	const dirs, files = 10, 20
	want := bytes.Repeat([]byte("0123456789"), 100)
	var keys []string
	for d := range dirs {
		for f := range files {
			keys = append(keys, fmt.Sprintf("tree/d%d/f%02d", d, f))
		}
	}
	r.fill(keys, want)
	r.Proxy.Reset()
	j, err := n.Load(t.Context(), MountPath+"/tree", nil)
	require.NoError(t, err)
	require.NoError(t, j.Wait(t.Context()))
	counts := r.Proxy.Counts()
	require.Equal(t, len(keys), counts[r.Get], "one GET a file")
	require.LessOrEqual(t, counts[r.List], dirs+2, "one for each directory and the place above")
	delete(counts, r.Get)
	delete(counts, r.List)
	require.Empty(t, counts, "nothing but lists and GETs")

	r.Proxy.Reset()
	read := 0
	for info, err := range n.List(t.Context(), MountPath+"/tree", &cachefs.ListOptions{Recursive: true}) {
		require.NoError(t, err)
		if info.IsDir() {
			continue
		}
		read++
		require.NoError(t, holds(t.Context(), n, info.Path(), want))
	}
	require.Equal(t, len(keys), read)
	require.Empty(t, r.Proxy.Counts(), "a warm pass")
}
