package cachefs_test

import (
	"context"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
)

// TestStalledChangeHoldsNoLock has a store stand still in the middle of each call that needs it. Meanwhile what is cached of it is read and
// listed, and everything else is read and changed, and none of that waits; the call itself ends with its context.
func TestStalledChangeHoldsNoLock(t *testing.T) {
	for name, call := range map[string]func(ctx context.Context, n *cachefs.Node) error{
		"Stat": func(ctx context.Context, n *cachefs.Node) error { return second(n.Stat(ctx, "/mem/dir/unknown", nil)) },
		"List": func(ctx context.Context, n *cachefs.Node) error {
			return second(names(n.List(ctx, "/mem/dir", nil), "/mem/dir"))
		},
		"Mkdir":  func(ctx context.Context, n *cachefs.Node) error { return n.Mkdir(ctx, "/mem/known/new", nil) },
		"Remove": func(ctx context.Context, n *cachefs.Node) error { return n.Remove(ctx, "/mem/known/f", nil) },
		"Rename": func(ctx context.Context, n *cachefs.Node) error {
			return n.Rename(ctx, "/mem/known/f", "/mem/known/g", nil)
		},
		"SetAttr": func(ctx context.Context, n *cachefs.Node) error {
			return n.SetAttr(ctx, "/mem/known/f", &cachefs.AttrOptions{Mode: new(fs.FileMode(0o600))})
		},
		"CacheThrough": func(ctx context.Context, n *cachefs.Node) error {
			return writeFile(ctx, n, "/mem/known/new", content(3, 1000), cachefs.CreateOptions{})
		},
		"Load":    func(ctx context.Context, n *cachefs.Node) error { return wait(n.Load(ctx, "/mem/cold", nil)) },
		"Persist": func(ctx context.Context, n *cachefs.Node) error { return wait(n.Persist(ctx, "/mem/known/kept", nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				n, faulty, stores := brokenNode(t)
				data := content(1, 100_000)
				for _, key := range []string{"known/f", "cold", "dir/f"} {
					cachefstest.Put(t, stores[0].UFS(), key, string(data))
				}
				require.NoError(t, same(readAll(t, n, "/mem/known/f"), data, 0))
				require.Len(t, mustNames(t, n, "/mem/known"), 1)
				require.Len(t, mustNames(t, n, "/mem"), 3)
				require.NoError(t, writeFile(t.Context(), n, "/mem/known/kept", data, cachefs.CreateOptions{WriteType: cachefs.MustCache}))
				require.NoError(t, faulty.Play("* stall"))
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				done, began := make(chan error, 1), time.Now()
				go func() { done <- call(ctx, n) }()
				synctest.Wait()
				require.Empty(t, done, "the store was not asked")

				require.NoError(t, same(readAll(t, n, "/mem/known/kept"), data, 0))
				require.NotEmpty(t, mustNames(t, n, "/mem/known"))
				for _, dir := range []string{"/sound/d", "/outside"} {
					require.NoError(t, n.Mkdir(t.Context(), dir, nil))
					require.NoError(t, writeFile(t.Context(), n, dir+"/f", data, cachefs.CreateOptions{}))
					require.NoError(t, n.Rename(t.Context(), dir+"/f", dir+"/g", nil))
					require.NoError(t, same(readAll(t, n, dir+"/g"), data, 0))
					require.NoError(t, n.SetAttr(t.Context(), dir+"/g", &cachefs.AttrOptions{Mode: new(fs.FileMode(0o600))}))
					require.NoError(t, n.Remove(t.Context(), dir, &cachefs.RemoveOptions{Recursive: true}))
				}
				require.Zero(t, time.Since(began), "something waited for the store that stands")
				require.ErrorIs(t, <-done, context.DeadlineExceeded)
				require.Less(t, time.Since(began), 15*time.Second)
				require.NoError(t, faulty.Play(""))
			})
		})
	}
}

// mustNames lists a directory.
func mustNames(t *testing.T, n *cachefs.Node, dir string) []string {
	t.Helper()
	list, err := names(n.List(t.Context(), dir, nil), dir)
	require.NoError(t, err)
	return list
}
