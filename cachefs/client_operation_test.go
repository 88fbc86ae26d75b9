package cachefs_test

import (
	"context"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/ufs/memufs"
)

// TestClientClosesLate: a Client makes other changes while a file of its is open, and keeps it open for longer than a change may
// be asked for again.
func TestClientClosesLate(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 2)
		time.Sleep(10 * time.Second)
		client := c.Client()
		ctx := t.Context()
		types := []cachefs.WriteType{cachefs.MustCache, cachefs.CacheThrough, cachefs.Through, cachefs.AsyncThrough}
		files := make([][]*cachefs.Writer, 2)
		for i := range files {
			for _, wt := range types {
				w, err := client.Create(ctx, fmt.Sprintf("/mem/%v-%d", wt, i), &cachefs.CreateOptions{WriteType: wt})
				require.NoError(t, err)
				files[i] = append(files[i], w)
			}
		}
		for i := range files {
			for _, w := range files[i] {
				_, err := fmt.Fprint(w, "bytes")
				require.NoError(t, err)
				require.NoError(t, w.Close(), w.Name())
			}
			time.Sleep(31 * time.Minute)
		}
	})
}

// named is a context with a new operation, and the operation.
func named(t *testing.T) (context.Context, journal.OpID) {
	op := journal.NewSession(time.Now).Next()
	return cachefs.WithOperation(t.Context(), op), op
}

// TestOperationIsItsChange: what a change needs before it is not taken for the change, nor kept from being made.
func TestOperationIsItsChange(t *testing.T) {
	n := cachefstest.New(t, 1).Node()
	ctx := t.Context()
	t.Run("mounts below", func(t *testing.T) {
		require.NoError(t, n.Mkdir(ctx, "/d/kept", &cachefs.MkdirOptions{Parents: true}))
		require.NoError(t, n.Mount(ctx, "/d/m", "", &cachefs.MountOptions{Store: memufs.New(nil).UFS()}))
		ctx, op := named(t)
		require.ErrorIs(t, n.Remove(ctx, "/d", &cachefs.RemoveOptions{Mounts: true}), cachefs.ErrNotEmpty)
		done, err := cachefs.Repeated(ctx, n, op)
		require.NoError(t, err)
		require.False(t, done, "only a mount is gone")
	})
	t.Run("parents", func(t *testing.T) {
		ctx, op := named(t)
		done, err := cachefs.Repeated(ctx, n, op)
		require.NoError(t, err)
		require.False(t, done)
		require.Error(t, n.Mkdir(ctx, "/mem/p/q", &cachefs.MkdirOptions{Parents: true}), "it is to be made by another")
		_, err = n.Stat(ctx, "/mem/p", nil)
		require.NoError(t, err)
		_, err = n.Stat(ctx, "/mem/p/q", nil)
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}

// TestClientAsksOnlyOfWhatMayBe: what no node has begun is not looked for.
func TestClientAsksOnlyOfWhatMayBe(t *testing.T) {
	lost := fmt.Errorf("%w: %w", peer.ErrUnknownOutcome, peer.ErrUnreachable) // with the request
	tried, open := cachefs.Tried(peer.ErrUnreachable, peer.ErrUnreachable, context.DeadlineExceeded, peer.ErrUnreachable, lost)
	require.Len(t, tried, 2)
	require.Equal(t, uint64(3), tried[0].Seq)
	require.Equal(t, uint64(5), tried[1].Seq)
	require.Equal(t, 2, open)
}
