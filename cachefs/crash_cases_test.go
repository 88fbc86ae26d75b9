package cachefs_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
)

// crashWrites are writes with each type: Create, bytes and Close.
func crashWrites() (list []crashCase) {
	types := map[string]cachefs.WriteType{
		"MustCache": cachefs.MustCache, "CacheThrough": cachefs.CacheThrough, "Through": cachefs.Through, "AsyncThrough": cachefs.AsyncThrough,
	}
	for name, wt := range types {
		kept := map[string]cachefs.PersistState{}
		if wt == cachefs.MustCache {
			kept["/m/f"] = cachefs.NotPersisted
		}
		list = append(list, crashCase{
			name: "Create and Close/" + name, before: plan{}, after: plan{"/m/f": "1"}, kept: kept,
			retry: []error{cachefs.ErrExist},
			do:    write("/m/f", "1", cachefs.CreateOptions{WriteType: wt}),
		}, crashCase{
			name: "Overwrite/" + name, before: plan{"/m/f": "1"}, after: plan{"/m/f": "2"}, kept: kept,
			do: write("/m/f", "2", cachefs.CreateOptions{WriteType: wt, Overwrite: true}),
		}, crashCase{
			name: "Append/" + name, before: plan{"/m/f": "1"}, after: plan{"/m/f": "1+2"}, kept: kept,
			do: write("/m/f", "2", cachefs.CreateOptions{WriteType: wt, Append: true}),
		})
	}
	return list
}

// on is a call of a node as crashCase wants it.
func on(call func(ctx context.Context, n *cachefs.Node) error) func(n *cachefs.Node) error {
	return func(n *cachefs.Node) error { return call(context.Background(), n) }
}

// job starts a job and waits for it; a minute of the bubble, since an upload is tried for ever.
func job(start func(ctx context.Context, n *cachefs.Node) (*cachefs.Job, error)) func(n *cachefs.Node) error {
	return on(func(ctx context.Context, n *cachefs.Node) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		j, err := start(ctx, n)
		if err != nil {
			return err
		}
		return j.Wait(ctx)
	})
}

// crashChanges are the calls that change something else than bytes.
func crashChanges() []crashCase {
	file, tree := plan{"/m/f": "1"}, plan{"/m/d": "dir", "/m/d/a": "1", "/m/d/e": "dir", "/m/d/e/b": "2"}
	return []crashCase{
		{
			name: "Mkdir", before: plan{}, after: plan{"/m/d": "dir"}, retry: []error{cachefs.ErrExist},
			do: on(func(ctx context.Context, n *cachefs.Node) error { return n.Mkdir(ctx, "/m/d", nil) }),
		}, {
			name: "Rename/file", before: file, after: plan{"/m/g": "1"}, retry: []error{cachefs.ErrNotExist},
			do: on(func(ctx context.Context, n *cachefs.Node) error { return n.Rename(ctx, "/m/f", "/m/g", nil) }),
		}, {
			name: "Rename/over another", before: plan{"/m/f": "1", "/m/g": "2"}, after: plan{"/m/g": "1"},
			do: on(func(ctx context.Context, n *cachefs.Node) error {
				return n.Rename(ctx, "/m/f", "/m/g", &cachefs.RenameOptions{Overwrite: true})
			}),
		}, {
			name: "Rename/file that only the cache has", before: file, start: plan{"/m/f": "2"}, after: plan{"/m/g": "2"},
			kept:  map[string]cachefs.PersistState{"/m/f": cachefs.NotPersisted, "/m/g": cachefs.NotPersisted},
			first: write("/m/f", "2", cachefs.CreateOptions{WriteType: cachefs.MustCache, Overwrite: true}),
			do:    on(func(ctx context.Context, n *cachefs.Node) error { return n.Rename(ctx, "/m/f", "/m/g", nil) }),
		}, {
			name: "Rename/directory", before: tree, after: plan{"/m/r": "dir", "/m/r/a": "1", "/m/r/e": "dir", "/m/r/e/b": "2"},
			retry: []error{cachefs.ErrNotExist},
			do:    on(func(ctx context.Context, n *cachefs.Node) error { return n.Rename(ctx, "/m/d", "/m/r", nil) }),
		}, {
			name: "Remove/file", before: file, after: plan{}, retry: []error{cachefs.ErrNotExist},
			do: on(func(ctx context.Context, n *cachefs.Node) error { return n.Remove(ctx, "/m/f", nil) }),
		}, {
			name: "Remove/tree", before: tree, after: plan{}, parts: true, retry: []error{cachefs.ErrNotExist},
			do: on(func(ctx context.Context, n *cachefs.Node) error {
				return n.Remove(ctx, "/m/d", &cachefs.RemoveOptions{Recursive: true})
			}),
		}, {
			name: "SetAttr", before: file, check: checkCrashedAttr,
			do: on(func(ctx context.Context, n *cachefs.Node) error {
				return n.SetAttr(ctx, "/m/f", &cachefs.AttrOptions{
					Pin: new(true), TTL: new(time.Duration(1 << 50)), Mode: new(fs.FileMode(0o600)),
				})
			}),
		}, {
			name: "Mount", before: file, check: checkCrashedMount,
			do: on(func(ctx context.Context, n *cachefs.Node) error { return n.Mount(ctx, "/other", "mem://other", nil) }),
		}, {
			name: "Unmount", before: file, check: checkCrashedUnmount,
			first: on(func(ctx context.Context, n *cachefs.Node) error { return n.Mount(ctx, "/other", "mem://other", nil) }),
			do:    on(func(ctx context.Context, n *cachefs.Node) error { return n.Unmount(ctx, "/other", nil) }),
		}, {
			name: "Persist", before: plan{"/m/f": "1"}, kept: map[string]cachefs.PersistState{"/m/f": cachefs.NotPersisted},
			check: checkCrashedPersist, first: write("/m/f", "1", cachefs.CreateOptions{WriteType: cachefs.MustCache, Overwrite: true}),
			do: job(func(ctx context.Context, n *cachefs.Node) (*cachefs.Job, error) { return n.Persist(ctx, "/m", nil) }),
		}, {
			name: "Load", before: file, stored: file, check: checkCrashedLoad,
			do: job(func(ctx context.Context, n *cachefs.Node) (*cachefs.Job, error) {
				return n.Load(ctx, "/m", nil)
			}),
		}, {
			name: "Free", before: file,
			do: on(func(ctx context.Context, n *cachefs.Node) error { return n.Free(ctx, "/m/f", nil) }),
		}, {
			name: "Shutdown", before: file, check: checkCrashedLoad,
			do: on(func(ctx context.Context, n *cachefs.Node) error { return n.Shutdown(ctx) }),
		},
	}
}

// crashTrees are calls that make or change several names at once, and what a writer gives up.
func crashTrees() []crashCase {
	deep := plan{"/m/d": "dir", "/m/d/e": "dir"}
	return []crashCase{
		{
			name: "Mkdir/with parents", before: plan{}, after: deep, on: []plan{{"/m/d": "dir"}}, retry: []error{},
			do: on(func(ctx context.Context, n *cachefs.Node) error {
				return n.Mkdir(ctx, "/m/d/e", &cachefs.MkdirOptions{Parents: true})
			}),
		}, {
			name: "Create and Close/with parents", before: plan{}, after: plan{"/m/d": "dir", "/m/d/e": "dir", "/m/d/e/f": "1"},
			on: []plan{{"/m/d": "dir"}, deep}, retry: []error{cachefs.ErrExist},
			do: write("/m/d/e/f", "1", cachefs.CreateOptions{Parents: true}),
		}, {
			name: "Abort", before: plan{"/m/f": "1"},
			do: on(func(ctx context.Context, n *cachefs.Node) error {
				w, err := n.Create(ctx, "/m/f", &cachefs.CreateOptions{Overwrite: true})
				if err != nil {
					return err
				}
				_, err = w.Write(planned("2"))
				return errors.Join(err, w.Abort())
			}),
		}, {
			name: "Remove/from the cache alone", before: plan{"/m/d": "dir", "/m/d/a": "1"},
			do: on(func(ctx context.Context, n *cachefs.Node) error {
				return n.Remove(ctx, "/m/d", &cachefs.RemoveOptions{Recursive: true, CacheOnly: true})
			}),
		}, {
			name: "SetAttr/tree", before: plan{"/m/d": "dir", "/m/d/a": "1", "/m/d/e": "dir", "/m/d/e/b": "2"}, check: checkCrashedAttrs,
			do: on(func(ctx context.Context, n *cachefs.Node) error {
				return n.SetAttr(ctx, "/m/d", &cachefs.AttrOptions{Recursive: true, Pin: new(true), Mode: new(fs.FileMode(0o700))})
			}),
		}, {
			name: "Free/what is pinned", before: plan{"/m/f": "1"}, check: checkCrashedFree,
			first: on(func(ctx context.Context, n *cachefs.Node) error {
				return n.SetAttr(ctx, "/m/f", &cachefs.AttrOptions{Pin: new(true)})
			}),
			do: on(func(ctx context.Context, n *cachefs.Node) error {
				return n.Free(ctx, "/m/f", &cachefs.FreeOptions{Force: true})
			}),
		}, {
			name: "Unmount/what only the cache has", before: plan{"/m/f": "1"}, check: checkCrashedUnmount,
			first: on(func(ctx context.Context, n *cachefs.Node) error {
				if err := n.Mount(ctx, "/other", "mem://other", nil); err != nil {
					return err
				}
				return write("/other/f", "2", cachefs.CreateOptions{WriteType: cachefs.MustCache})(n)
			}),
			do: on(func(ctx context.Context, n *cachefs.Node) error {
				return n.Unmount(ctx, "/other", &cachefs.UnmountOptions{Force: true})
			}),
		},
	}
}

// crashOutside are changes where no store is mounted, but for writes: those are MustCache as below a mount.
func crashOutside() []crashCase {
	kept := map[string]cachefs.PersistState{"/here/f": cachefs.NotPersisted, "/here/g": cachefs.NotPersisted}
	file := plan{"/here": "dir", "/here/f": "1"}
	return []crashCase{
		{
			name: "outside/Rename", before: file, after: plan{"/here": "dir", "/here/g": "1"}, kept: kept, retry: []error{cachefs.ErrNotExist},
			do: on(func(ctx context.Context, n *cachefs.Node) error { return n.Rename(ctx, "/here/f", "/here/g", nil) }),
		}, {
			name: "outside/Remove", before: file, after: plan{}, kept: kept, retry: []error{cachefs.ErrNotExist},
			do: on(func(ctx context.Context, n *cachefs.Node) error {
				return n.Remove(ctx, "/here", &cachefs.RemoveOptions{Recursive: true})
			}),
		},
	}
}

func checkCrashedAttr(c *crashed) {
	info, err := c.n.Stat(c.Context(), "/m/f", nil)
	require.NoError(c, err)
	a, err := c.store.UFS().Stat(c.Context(), "f")
	require.NoError(c, err)
	require.Equal(c, a.Mode.Perm(), info.Mode(), "mode in the store and in the namespace")
	if c.acked || info.Pinned() || info.Mode() != 0o644 {
		require.True(c, info.Pinned())
		require.EqualValues(c, 1<<50, info.TTL().After)
		require.Equal(c, fs.FileMode(0o600), info.Mode())
	}
}

// checkCrashedAttrs: a change of a tree has reached all of it when it was acknowledged, and each name in the store and in the namespace.
func checkCrashedAttrs(c *crashed) {
	for _, path := range []string{"/m/d", "/m/d/a", "/m/d/e", "/m/d/e/b"} {
		info, err := c.n.Stat(c.Context(), path, nil)
		require.NoError(c, err)
		a, err := c.store.UFS().Stat(c.Context(), strings.TrimPrefix(path, "/m/"))
		require.NoError(c, err)
		require.Equal(c, a.Mode.Perm(), info.Mode().Perm(), "mode of %s in the store and in the namespace", path)
		if c.acked {
			require.Equal(c, fs.FileMode(0o700), info.Mode().Perm(), path)
			require.True(c, info.Pinned(), path)
		}
	}
}

func checkCrashedFree(c *crashed) {
	info, err := c.n.Stat(c.Context(), "/m/f", nil)
	require.NoError(c, err)
	if c.acked {
		require.False(c, info.Pinned())
	}
}

func (c *crashed) mounted(path string) bool {
	list, err := c.n.Mounts(c.Context())
	require.NoError(c, err)
	for _, m := range list {
		if m.Path == path {
			info, err := c.n.Stat(c.Context(), path, nil)
			require.NoError(c, err)
			require.True(c, info.MountPoint())
			return true
		}
	}
	_, err = c.n.Stat(c.Context(), path, nil)
	require.ErrorIs(c, err, cachefs.ErrNotExist)
	return false
}

func checkCrashedMount(c *crashed) {
	if c.acked {
		require.True(c, c.mounted("/other"))
	}
	if !c.mounted("/other") {
		require.NoError(c, c.n.Mount(c.Context(), "/other", "mem://other", nil))
	}
	for _, err := range c.n.List(c.Context(), "/other", nil) {
		require.NoError(c, err)
	}
}

func checkCrashedUnmount(c *crashed) {
	if c.acked {
		require.False(c, c.mounted("/other"))
	}
	if c.mounted("/other") {
		require.NoError(c, c.n.Unmount(c.Context(), "/other", &cachefs.UnmountOptions{Force: true}))
	}
}

func checkCrashedPersist(c *crashed) {
	info, err := c.n.Stat(c.Context(), "/m/f", nil)
	require.NoError(c, err)
	if c.acked {
		require.Equal(c, cachefs.Persisted, info.Persist())
	}
}

// checkCrashedLoad: what was durable is not fetched again.
func checkCrashedLoad(c *crashed) {
	if c.acked && !c.again {
		require.Zero(c, c.fetched, "reads of the store")
	}
}
