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
			if i > 0 {
				time.Sleep(31 * time.Minute)
			}
			for _, w := range files[i] {
				_, err := fmt.Fprint(w, "bytes")
				require.NoError(t, err)
				require.NoError(t, w.Close(), w.Name())
			}
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

// TestOperationOfAttributes: attributes that another node was asked for are set by that one before, or not at all.
func TestOperationOfAttributes(t *testing.T) {
	n := cachefstest.New(t, 1).Node()
	pin := true
	pinned := func(path string) bool {
		info, err := n.Stat(t.Context(), path, nil)
		require.NoError(t, err)
		return info.Pinned()
	}
	require.NoError(t, n.Mkdir(t.Context(), "/d/below", &cachefs.MkdirOptions{Parents: true}))
	ctx, op := named(t)
	done, err := cachefs.Repeated(ctx, n, op)
	require.NoError(t, err)
	require.False(t, done)
	require.Error(t, n.SetAttr(ctx, "/d", &cachefs.AttrOptions{Pin: &pin}), "it comes too late")
	require.False(t, pinned("/d"))

	ctx, op = named(t)
	require.NoError(t, n.SetAttr(ctx, "/d", &cachefs.AttrOptions{Pin: &pin}))
	require.NoError(t, cachefs.AskAgain(t.Context(), n, "/d", cachefs.AttrOptions{Pin: &pin, Recursive: true}, op))
	require.True(t, pinned("/d/below"), "the node was lost before it came to what is below")
}

// TestOperationRunsOut: what cannot be named any more is not made without a name.
func TestOperationRunsOut(t *testing.T) {
	n := cachefstest.New(t, 1).Node()
	ctx, _ := named(t)
	for i := range cachefs.OpParts {
		require.NoError(t, n.Mkdir(ctx, fmt.Sprintf("/%d", i), nil))
	}
	require.ErrorIs(t, n.Mkdir(ctx, "/more", nil), cachefs.ErrBusy)
	_, err := n.Stat(ctx, "/more", nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestClientRetryCutOff: a node that cannot find out what became of a change says so, and soon.
func TestClientRetryCutOff(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 3)
		time.Sleep(10 * time.Second)
		require.NoError(t, c.Node().Mkdir(t.Context(), "/d", nil))
		i := (c.Primary() + 1) % 3
		c.Partition([]int{i}, []int{(i + 1) % 3, (i + 2) % 3})
		for _, knows := range []bool{true, false} { // a primary, or so it believes
			_, op := named(t)
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			err := cachefs.AskAgain(ctx, c.Nodes[i], "/d", cachefs.AttrOptions{}, op)
			cancel()
			require.ErrorIs(t, err, cachefs.ErrNoPrimary)
			if knows {
				require.ErrorIs(t, err, cachefs.ErrUnknownOutcome)
			}
			require.Less(t, time.Since(began), 20*time.Second)
		}
		c.Heal()
		time.Sleep(10 * time.Second)
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

// TestOperationIsNotKnown: what became of an operation that is too old to be looked for is not known, and its caller is told that.
func TestOperationIsNotKnown(t *testing.T) {
	n := cachefstest.New(t, 1).Node()
	ctx, op := named(t)
	op.At -= int64(time.Hour)
	_, err := cachefs.Repeated(ctx, n, op)
	require.ErrorIs(t, err, journal.ErrExpired)
	require.ErrorIs(t, err, cachefs.ErrUnknownOutcome)
}
