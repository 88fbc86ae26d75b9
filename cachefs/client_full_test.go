package cachefs_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
)

// TestClientLeavesAFullNode: the node that a Client asks has no room in its journal's disk, and cannot follow what the primary makes
// of changes. The Client's changes are made once, through another node.
func TestClientLeavesAFullNode(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		var full atomic.Pointer[string] // the Bind of the node
		c := cachefstest.New(t, 3, func(cfg *cachefs.Config) {
			bind := cfg.Mesh.Bind
			cfg.FS = vfs.NewFaulty(cfg.FS, func(op vfs.Op) error {
				if is := full.Load(); is != nil && *is == bind && op.Kind == vfs.OpWrite && strings.Contains(op.Name, "journal") {
					return syscall.ENOSPC
				}
				return nil
			})
		})
		time.Sleep(10 * time.Second)
		at := (c.Primary() + 1) % 3
		first := func(cfg *cachefs.DialConfig) {
			a := cfg.Mesh.Addresses
			a[0], a[at] = a[at], a[0]
		}
		client := c.Client(first)
		require.NoError(t, client.Mkdir(t.Context(), "/before", nil))
		require.Equal(t, at, asked(t, c, client))
		bind := c.Addr(at) + ":7946"
		full.Store(&bind)
		defer full.Store(nil)
		for i := range 5 {
			began := time.Now()
			require.NoError(t, within(t, func() error { return client.Mkdir(t.Context(), fmt.Sprint("/d", i), nil) }))
			require.Less(t, time.Since(began), 10*time.Second)
			require.NoError(t, writeFile(t.Context(), client, fmt.Sprint("/f", i), []byte("1"), cachefs.CreateOptions{}))
			require.NotEqual(t, at, asked(t, c, client))
		}
		began := time.Now()
		require.NoError(t, c.Client(first).Mkdir(t.Context(), "/by/another", &cachefs.MkdirOptions{Parents: true}))
		require.Less(t, time.Since(began), 400*time.Millisecond, "a node that knows says so at once")
		full.Store(nil)
		time.Sleep(10 * time.Second)
		_, err := c.Nodes[at].Stat(t.Context(), "/f4", &cachefs.StatOptions{Consistent: true})
		require.NoError(t, err)
	})
}
