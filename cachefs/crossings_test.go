package cachefs_test

import (
	"context"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/fileufs"
	"github.com/millpond/millpond/ufs/memufs"
)

// crossingMemory is the memory tier of a crossing's node: a file that stays held is missed from it.
const crossingMemory = 1 << 20

// crossing is a node with one file, written with AsyncThrough, whose upload stands at a stage.
type crossing struct {
	*testing.T
	n    *cachefs.Node
	g    *gate
	old  []byte // of the file
	next []byte // of what replaces it
}

const (
	crossDir  = cachefstest.MountPath + "/d"
	crossFile = crossDir + "/f"
)

// act is what meets the upload, and what there is afterwards.
type act struct {
	name  string
	do    func(c *crossing) error
	waits []stage              // where it waits for the upload's publication
	err   map[stage]error      // what it answers, if not nil
	files map[string]string    // below the mount, in the namespace, once all is quiet: path to "old" or "next"
	check func(c *crossing)    // beside that
	state cachefs.PersistState // of the files
}

var published = []stage{atCommit, afterCommit}

func acts() []act {
	file := map[string]string{"d/f": "old"}
	next := map[string]string{"d/f": "next"}
	unpersisted := func(at ...stage) map[stage]error {
		errs := map[stage]error{}
		for _, s := range at {
			errs[s] = cachefs.ErrNotPersisted
		}
		return errs
	}
	return []act{
		{
			name: "Remove", waits: published, do: func(c *crossing) error { return c.n.Remove(c.Context(), crossFile, nil) },
			files: map[string]string{}, state: cachefs.Persisted,
		}, {
			name: "Remove directory", waits: published,
			do: func(c *crossing) error {
				return c.n.Remove(c.Context(), crossDir, &cachefs.RemoveOptions{Recursive: true})
			},
			files: map[string]string{}, state: cachefs.Persisted, check: func(c *crossing) { require.Empty(c, c.g.content(c.T)) },
		}, {
			name: "Free", err: unpersisted(beforeUpload, midUpload, atCommit, afterCommit),
			do:    func(c *crossing) error { return c.n.Free(c.Context(), crossFile, nil) },
			files: file, state: cachefs.Persisted,
		}, {
			name: "Rename", waits: published,
			do:    func(c *crossing) error { return c.n.Rename(c.Context(), crossFile, cachefstest.MountPath+"/g", nil) },
			files: map[string]string{"g": "old"}, state: cachefs.Persisted,
		}, {
			name: "Rename directory", waits: published,
			do: func(c *crossing) error {
				return c.n.Rename(c.Context(), crossDir, cachefstest.MountPath+"/e", nil)
			},
			files: map[string]string{"e/f": "old"}, state: cachefs.Persisted,
			check: func(c *crossing) { require.NotContains(c, c.g.content(c.T), "d/") },
		}, {
			name: "SetAttr", waits: published,
			do: func(c *crossing) error {
				return c.n.SetAttr(c.Context(), crossFile, &cachefs.AttrOptions{Mode: new(fs.FileMode(0o600)), Xattr: map[string][]byte{"k": {1}}})
			},
			files: file, state: cachefs.Persisted, check: checkCrossAttr,
		}, {
			name: "SetAttr of the pin", waits: published,
			do: func(c *crossing) error {
				return c.n.SetAttr(c.Context(), crossFile, &cachefs.AttrOptions{Pin: new(true)})
			},
			files: file, state: cachefs.Persisted, check: checkCrossPin,
		}, {
			name: "Open", do: func(c *crossing) error { return c.reads(crossFile, c.old) },
			files: file, state: cachefs.Persisted,
		}, {
			name: "Overwrite", waits: published, do: func(c *crossing) error { return c.overwrite(cachefs.AsyncThrough) },
			files: next, state: cachefs.Persisted,
		}, {
			name: "Overwrite through", waits: published, do: func(c *crossing) error { return c.overwrite(cachefs.CacheThrough) },
			files: next, state: cachefs.Persisted,
		}, {
			name: "Append", waits: published, do: func(c *crossing) error { return c.append() },
			files: map[string]string{"d/f": "both"}, state: cachefs.Persisted,
		}, {
			name: "Persist", do: func(c *crossing) error { return c.persistNow() },
			waits: []stage{beforeUpload, midUpload, atCommit, afterCommit}, files: file, state: cachefs.Persisted,
			check: func(c *crossing) { require.Equal(c, 1, c.g.commits["d/f"], "uploads of one file") },
		},
	}
}

// TestCrossings makes every call that can meet an upload meet it at every stage, and looks at what is left: the
// namespace, the store, the bytes, the state of the file, and whether the cache still holds what it need not.
func TestCrossings(t *testing.T) {
	stores := map[string]func(t *testing.T) *ufs.Store{
		"mem": func(*testing.T) *ufs.Store { return memufs.New(nil).UFS() },
		"file": func(t *testing.T) *ufs.Store {
			s, err := fileufs.Open(t.TempDir(), nil)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			return s
		},
	}
	for store, open := range stores {
		for _, a := range acts() {
			for _, at := range []stage{beforeUpload, midUpload, atCommit, afterCommit, afterUpload} {
				t.Run(store+"/"+a.name+"/"+string(at), func(t *testing.T) {
					bubbletest.Test(t, func(t *testing.T) { cross(newCrossing(t, open(t)), &a, at) })
				})
			}
		}
	}
}

func cross(c *crossing, a *act, at stage) {
	t := c.T
	let := c.begin(at)
	defer let()
	opened, err := c.n.Open(t.Context(), crossFile, nil)
	require.NoError(t, err)
	defer opened.Close()

	done := make(chan error, 1)
	go func() { done <- a.do(c) }()
	synctest.Wait()
	select {
	case err := <-done:
		require.NotContains(t, a.waits, at, "it did not wait for the publication")
		require.ErrorIs(t, err, a.err[at])
		let()
	default:
		require.Contains(t, a.waits, at, "it waits for the store")
		let()
		require.ErrorIs(t, <-done, a.err[at])
	}
	c.settle()
	c.checkNamespace(a)
	c.checkStore(a)
	if a.check != nil {
		a.check(c)
	}
	c.checkOpened(opened)
	c.checkRoom()
}

func newCrossing(t *testing.T, store *ufs.Store) *crossing {
	g := newGate(store)
	cluster := cachefstest.New(t, 1, func(cfg *cachefs.Config) {
		cfg.BlockSize = 64 << 10
		cfg.Tiers = []tier.Config{{Kind: tier.Memory, Size: crossingMemory}}
		cfg.Mounts = []cachefs.MountConfig{{Path: cachefstest.MountPath, Store: g.ufs}}
	})
	return &crossing{T: t, n: cluster.Node(), g: g, old: content(1, 200_000), next: content(2, 150_000)}
}

// begin writes the file and brings its upload to a stage.
func (c *crossing) begin(at stage) (let func()) {
	reached, let := c.g.stop(at)
	c.write(crossFile, c.old, cachefs.CreateOptions{WriteType: cachefs.AsyncThrough, Parents: true})
	if at == afterUpload {
		c.settle()
		return let
	}
	<-reached
	return let
}

func (c *crossing) write(path string, data []byte, o cachefs.CreateOptions) {
	c.Helper()
	require.NoError(c, writeFile(c.Context(), c.n, path, data, o))
}

// writeFile writes a whole file.
func writeFile(ctx context.Context, n cachefs.FileSystem, path string, data []byte, o cachefs.CreateOptions) error {
	w, err := n.Create(ctx, path, &o)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		w.Abort()
		return err
	}
	return w.Close()
}

func (c *crossing) overwrite(wt cachefs.WriteType) error {
	return writeFile(c.Context(), c.n, crossFile, c.next, cachefs.CreateOptions{WriteType: wt, Overwrite: true})
}

func (c *crossing) append() error {
	return writeFile(c.Context(), c.n, crossFile, c.next, cachefs.CreateOptions{WriteType: cachefs.AsyncThrough, Append: true})
}

func (c *crossing) persistNow() error {
	job, err := c.n.Persist(c.Context(), crossFile, nil)
	if err != nil {
		return err
	}
	return job.Wait(c.Context())
}

// reads reads a file whole, from the cache alone.
func (c *crossing) reads(path string, want []byte) error {
	before := c.g.opens()
	f, err := c.n.Open(c.Context(), path, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	require.NoError(c, same(got, want, 0))
	require.Equal(c, before, c.g.opens(), "reads of the store")
	return nil
}

// settle waits until nothing moves any more, uploads that back off included.
func (c *crossing) settle() {
	time.Sleep(time.Minute) // of the bubble: longer than the longest back-off here
	synctest.Wait()
	require.Zero(c, c.n.Metrics().PersistBacklog, "files that wait for their upload")
}

func (c *crossing) bytes(what string) []byte {
	switch what {
	case "old":
		return c.old
	case "next":
		return c.next
	}
	return slices.Concat(c.old, c.next)
}

func (c *crossing) checkNamespace(a *act) {
	c.Helper()
	got := map[string]string{}
	for info, err := range c.n.List(c.Context(), cachefstest.MountPath, &cachefs.ListOptions{Recursive: true}) {
		require.NoError(c, err)
		if info.IsDir() {
			continue
		}
		rel := strings.TrimPrefix(info.Path(), cachefstest.MountPath+"/")
		require.True(c, info.Complete(), rel)
		require.Equal(c, a.state, info.Persist(), "state of %s", rel)
		got[rel] = a.files[rel]
		want := c.bytes(a.files[rel])
		require.EqualValues(c, len(want), info.Size(), "size of %s", rel)
		f, err := c.n.Open(c.Context(), info.Path(), nil)
		require.NoError(c, err)
		data, err := io.ReadAll(f)
		require.NoError(c, err)
		require.NoError(c, f.Close())
		require.NoError(c, same(data, want, 0), rel)
	}
	require.Equal(c, a.files, got, "files in the namespace")
}

func (c *crossing) checkStore(a *act) {
	c.Helper()
	got := c.g.content(c.T)
	maps.DeleteFunc(got, func(key, _ string) bool { return strings.HasSuffix(key, "/") })
	for key, data := range got {
		require.NoError(c, same([]byte(data), c.bytes(a.files[key]), 0), "store: %s", key)
		got[key] = a.files[key]
	}
	require.Equal(c, a.files, got, "files in the store")
	require.Zero(c, c.g.open, "uploads that were neither committed nor aborted")
}

// checkOpened: a file that was open reads its version, or says that it is gone.
func (c *crossing) checkOpened(f *cachefs.File) {
	c.Helper()
	got, err := io.ReadAll(f)
	if err != nil {
		require.True(c, isGone(err), "%v", err)
		return
	}
	require.NoError(c, same(got, c.old, 0))
}

// checkRoom fills the tier but for what its last frames may waste: only evictable blocks give the room.
func (c *crossing) checkRoom() {
	c.Helper()
	c.write("/room", content(9, crossingMemory*3/4+crossingMemory/8), cachefs.CreateOptions{})
}

func checkCrossAttr(c *crossing) {
	info, err := c.n.Stat(c.Context(), crossFile, nil)
	require.NoError(c, err)
	require.Equal(c, fs.FileMode(0o600), info.Mode())
	require.Equal(c, map[string][]byte{"k": {1}}, info.Xattr())
	a, err := c.g.ufs.Stat(c.Context(), "d/f")
	require.NoError(c, err)
	require.Equal(c, fs.FileMode(0o600), a.Mode.Perm(), "mode in the store")
}

func checkCrossPin(c *crossing) {
	require.ErrorIs(c, c.n.Free(c.Context(), crossFile, nil), cachefs.ErrPinned)
	err := writeFile(c.Context(), c.n, "/room", content(9, crossingMemory*3/4+crossingMemory/8), cachefs.CreateOptions{})
	require.ErrorIs(c, err, cachefs.ErrNoSpace, "the pinned blocks were evicted")
	require.NoError(c, c.n.SetAttr(c.Context(), crossFile, &cachefs.AttrOptions{Pin: new(false)}))
	synctest.Wait()
}

// isGone reports whether a read says that its version cannot be had any more.
func isGone(err error) bool { return oneOf(err, []error{cachefs.ErrChanged, cachefs.ErrLost}) == nil }
