package cachefs_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
)

// TestListStopsNoChanges changes a large directory through the node while it is being listed, by whoever walks the listing: neither waits
// for the other, and what was there all the while is listed once, in order.
func TestListStopsNoChanges(t *testing.T) {
	const files = 3000
	n := cachefstest.New(t, 1).Node()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, n.Mkdir(ctx, "/d", nil))
	for i := range files {
		require.NoError(t, writeFile(ctx, n, fmt.Sprintf("/d/f%05d", i), []byte("x"), cachefs.CreateOptions{}))
	}
	listed := 0
	for info, err := range n.List(ctx, "/d", nil) {
		require.NoError(t, err)
		if info.Name()[0] != 'f' {
			continue
		}
		require.Equal(t, fmt.Sprintf("f%05d", listed), info.Name())
		if listed++; listed%100 > 0 {
			continue
		}
		name := fmt.Sprintf("/d/%c%05d", "ag"[listed/100%2], listed)
		require.NoError(t, writeFile(ctx, n, name, []byte("y"), cachefs.CreateOptions{}))
		require.NoError(t, n.SetAttr(ctx, info.Path(), &cachefs.AttrOptions{Pin: new(true)}))
		require.NoError(t, n.Rename(ctx, name, name+"-", nil))
		require.NoError(t, n.Remove(ctx, name+"-", nil))
	}
	require.Equal(t, files, listed)
}
