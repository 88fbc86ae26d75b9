package cachefs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/memufs"
)

// A call is one way of handing a path to a FileSystem, with zero options.
type call struct {
	method string
	op     string // as errors name it
	do     func(ctx context.Context, n cachefs.FileSystem, path string) error
}

// calls are all of them; TestCallsAreComplete holds that against the interface.
var calls = []call{
	{"Open", "open", func(ctx context.Context, n cachefs.FileSystem, p string) error {
		f, err := n.Open(ctx, p, nil)
		if err == nil {
			err = f.Close()
		}
		return err
	}},
	{"Create", "create", func(ctx context.Context, n cachefs.FileSystem, p string) error {
		w, err := n.Create(ctx, p, nil)
		if err == nil {
			err = w.Close()
		}
		return err
	}},
	{"Stat", "stat", func(ctx context.Context, n cachefs.FileSystem, p string) error {
		_, err := n.Stat(ctx, p, nil)
		return err
	}},
	{"List", "list", func(ctx context.Context, n cachefs.FileSystem, p string) (last error) {
		for _, err := range n.List(ctx, p, nil) {
			last = err
		}
		return last
	}},
	{"Mkdir", "mkdir", func(ctx context.Context, n cachefs.FileSystem, p string) error { return n.Mkdir(ctx, p, nil) }},
	{"Rename", "rename", func(ctx context.Context, n cachefs.FileSystem, p string) error { return n.Rename(ctx, p, "/to", nil) }},
	{"Rename", "rename", func(ctx context.Context, n cachefs.FileSystem, p string) error { return n.Rename(ctx, "/file", p, nil) }},
	{"Remove", "remove", func(ctx context.Context, n cachefs.FileSystem, p string) error { return n.Remove(ctx, p, nil) }},
	{"SetAttr", "setattr", func(ctx context.Context, n cachefs.FileSystem, p string) error { return n.SetAttr(ctx, p, nil) }},
	{"Mount", "mount", func(ctx context.Context, n cachefs.FileSystem, p string) error {
		return n.Mount(ctx, p, "mem://other", nil)
	}},
	{"Unmount", "unmount", func(ctx context.Context, n cachefs.FileSystem, p string) error { return n.Unmount(ctx, p, nil) }},
	{"Load", "load", func(ctx context.Context, n cachefs.FileSystem, p string) error { return wait(n.Load(ctx, p, nil)) }},
	{"Free", "free", func(ctx context.Context, n cachefs.FileSystem, p string) error { return n.Free(ctx, p, nil) }},
	{"Persist", "persist", func(ctx context.Context, n cachefs.FileSystem, p string) error { return wait(n.Persist(ctx, p, nil)) }},
	{"Locate", "locate", func(ctx context.Context, n cachefs.FileSystem, p string) error {
		_, err := n.Locate(ctx, p, nil)
		return err
	}},
}

func wait(j *cachefs.Job, err error) error {
	if err != nil {
		return err
	}
	return j.Wait(context.Background())
}

// pathless are the methods that take no path.
var pathless = map[string]func(ctx context.Context, n cachefs.FileSystem) error{
	"Mounts": func(ctx context.Context, n cachefs.FileSystem) error {
		_, err := n.Mounts(ctx)
		return err
	},
	"Cluster": func(ctx context.Context, n cachefs.FileSystem) error {
		_, err := n.Cluster(ctx)
		return err
	},
	"Shutdown": func(ctx context.Context, n cachefs.FileSystem) error { return n.Shutdown(ctx) },
	"Close":    func(_ context.Context, n cachefs.FileSystem) error { return n.Close() },
}

func TestCallsAreComplete(t *testing.T) {
	have := map[string]bool{}
	for _, c := range calls {
		have[c.method] = true
	}
	for m := range pathless {
		have[m] = true
	}
	for m := range reflect.TypeFor[cachefs.FileSystem]().Methods() {
		require.True(t, have[m.Name], "no bad input is tried on %s", m.Name)
	}
}

// within fails the test if do hangs.
func within(t *testing.T, do func() error) error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- do() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("the call hangs")
		return nil
	}
}

// requireNamed fails unless err is what the docs promise: a PathError, for Rename a LinkError, of that call and path.
func requireNamed(t *testing.T, c call, path string, err error) {
	t.Helper()
	if c.method == "Rename" {
		le, ok := errors.AsType[*os.LinkError](err)
		require.True(t, ok, "%T: %v", err, err)
		require.Equal(t, c.op, le.Op)
		require.Contains(t, []string{le.Old, le.New}, path)
		return
	}
	pe, ok := err.(*fs.PathError)
	require.True(t, ok, "%T: %v", err, err)
	require.Equal(t, c.op, pe.Op)
	require.Equal(t, path, pe.Path)
}

// fill makes a file and a directory outside and below the mount.
func fill(t *testing.T, c *cachefstest.Cluster) {
	t.Helper()
	putStore(t, c, "file", content(1, 1000))
	for _, p := range []string{"/file", "/dir/file"} {
		w, err := c.Node().Create(t.Context(), p, &cachefs.CreateOptions{Parents: true})
		require.NoError(t, err)
		_, err = w.Write(content(2, 1000))
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
}

func TestBadPaths(t *testing.T) {
	c := cachefstest.New(t, 1)
	fill(t, c)
	long := strings.Repeat("x", 256)
	deep := strings.Repeat("/"+long[:255], 16) // 4,096 bytes
	for _, bad := range []struct{ name, path, says string }{
		{"empty", "", `the root is "/"`},
		{"relative", "dir/file", `paths begin with "/"`},
		{"dot dot", "/dir/../file", "give the path it stands for"},
		{"dot", "/dir/.", "give the path it stands for"},
		{"dot dot below a mount", "/mem/../file", "give the path it stands for"},
		{"double slash", "/dir//file", `no "//"`},
		{"slash at the end", "/dir/", "no slash at the end"},
		{"NUL", "/dir/a\x00b", "every other byte will do"},
		{"NUL below a mount", "/mem/a\x00b", "every other byte will do"},
		{"name of 256 bytes", "/dir/" + long, "at most 255"},
		{"name of 256 bytes below a mount", "/mem/" + long, "at most 255"},
		{"directory of 256 bytes", "/" + long + "/file", "at most 255"},
		{"path of 4,097 bytes", deep + "x", "at most 4096"},
		{"path of 4,097 bytes below a mount", "/mem" + deep[:4092] + "x", "at most 4096"},
	} {
		for _, call := range calls {
			t.Run(call.method+"/"+bad.name, func(t *testing.T) {
				err := within(t, func() error { return call.do(t.Context(), c.Node(), bad.path) })
				require.ErrorIs(t, err, cachefs.ErrInvalid)
				requireNamed(t, call, bad.path, err)
				require.ErrorContains(t, err, bad.says)
			})
		}
	}
	require.Zero(t, c.Store.Calls()["stat"]-statsOfMount(), "bad paths reach the store")
	require.Equal(t, content(2, 1000), readAll(t, c.Node(), "/file"), "nothing was lost")
}

// statsOfMount is how often a mount asks its store when it is made: whether its place is there.
func statsOfMount() int { return 1 }

// The longest names and paths that are good, on each call that makes or finds something.
func TestLongestPaths(t *testing.T) {
	c := cachefstest.New(t, 1)
	name := strings.Repeat("n", 255)
	deep := strings.Repeat("/"+name, 16)
	require.Len(t, deep, 4096)
	for _, p := range []string{"/" + name, "/mem/" + name, deep} {
		w, err := c.Node().Create(t.Context(), p, &cachefs.CreateOptions{Parents: true})
		require.NoError(t, err)
		_, err = w.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		require.Equal(t, "x", string(readAll(t, c.Node(), p)))
		require.NoError(t, c.Node().Rename(t.Context(), p, p[:len(p)-1], nil))
		require.NoError(t, c.Node().Remove(t.Context(), p[:len(p)-1], nil))
	}
}

// Nil options are the zero options, on a path that is there and on one that is not.
func TestNilOptions(t *testing.T) {
	for _, p := range []string{"/file", "/mem/file", "/dir", "/mem", "/none", "/"} {
		c := cachefstest.New(t, 1)
		fill(t, c)
		for _, call := range calls {
			err := within(t, func() error { return call.do(t.Context(), c.Node(), p) })
			if err != nil {
				requireNamed(t, call, p, err)
			}
		}
	}
}

func TestClosedNode(t *testing.T) {
	c := cachefstest.New(t, 1)
	fill(t, c)
	n := c.Node()
	f, err := n.Open(t.Context(), "/file", nil)
	require.NoError(t, err)
	w, err := n.Create(t.Context(), "/new", nil)
	require.NoError(t, err)
	require.NoError(t, n.Close())
	require.NoError(t, n.Close(), "a second Close returns what the first did")
	require.NoError(t, n.Shutdown(t.Context()))

	for _, call := range calls {
		for _, p := range []string{"/file", "/mem/file", "/none", "/mem/none"} {
			err := within(t, func() error { return call.do(t.Context(), n, p) })
			require.ErrorIs(t, err, cachefs.ErrClosed, "%s %s", call.method, p)
			require.ErrorContains(t, err, "the node is closed", "%s %s", call.method, p)
			requireNamed(t, call, p, err)
		}
	}
	for _, m := range []string{"Mounts", "Cluster"} {
		require.ErrorIs(t, pathless[m](t.Context(), n), cachefs.ErrClosed)
	}
	for _, what := range []string{"Read", "ReadAt", "View", "WriteTo"} {
		require.ErrorIs(t, within(t, func() error { return fileCalls[what](f) }), cachefs.ErrClosed, what)
	}
	_, err = w.Write([]byte("x"))
	require.ErrorIs(t, err, cachefs.ErrClosed)
	require.ErrorIs(t, w.Close(), cachefs.ErrClosed)
	n.Metrics() // answers, and does not panic
	require.NotEmpty(t, n.ID())
	require.NoError(t, f.Close())
}

func TestEndedContexts(t *testing.T) {
	c := cachefstest.New(t, 1)
	fill(t, c)
	require.NotEmpty(t, readAll(t, c.Node(), "/file")) // what is cached, too
	cause := errors.New("the cause")
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	expired, stop := context.WithTimeout(t.Context(), -time.Second)
	defer stop()
	for _, call := range calls {
		for _, p := range []string{"/file", "/mem/file", "/none", "/mem/none"} {
			for ctx, want := range map[context.Context]error{cancelled: cause, expired: context.DeadlineExceeded} {
				err := within(t, func() error { return call.do(ctx, c.Node(), p) })
				require.ErrorIs(t, err, want, "%s %s", call.method, p)
				requireNamed(t, call, p, err)
			}
		}
	}
	for _, m := range []string{"Mounts", "Cluster"} {
		require.ErrorIs(t, pathless[m](cancelled, c.Node()), cause)
	}
	require.Equal(t, content(2, 1000), readAll(t, c.Node(), "/file"), "nothing was lost")
	require.Equal(t, content(1, 1000), readAll(t, c.Node(), "/mem/file"))
}

// Shutdown within a context that has ended still ends the node, and a process that opens it again has everything.
func TestShutdownWithoutTime(t *testing.T) {
	cfg := cachefs.Config{
		Dir: t.TempDir(), Tiers: []tier.Config{{Size: 8 << 20}, {Kind: tier.SSD, Size: 8 << 20}},
		Mounts: []cachefs.MountConfig{{Path: "/mem", Store: memufs.New(nil).UFS()}},
	}
	n, err := cachefs.Open(t.Context(), cfg)
	require.NoError(t, err)
	want := content(7, 100_000)
	for _, p := range []string{"/file", "/mem/file"} {
		w, err := n.Create(t.Context(), p, nil)
		require.NoError(t, err)
		_, err = w.Write(want)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	within(t, func() error { return n.Shutdown(ctx) }) // says what it could not wait for, or ended in time
	require.ErrorIs(t, calls[0].do(t.Context(), n, "/file"), cachefs.ErrClosed)
	within(t, n.Close)
	n, err = cachefs.Open(t.Context(), cfg)
	require.NoError(t, err)
	defer n.Close()
	for _, p := range []string{"/file", "/mem/file"} {
		require.Equal(t, want, readAll(t, n, p))
	}
}

func TestBadOptions(t *testing.T) {
	c := cachefstest.New(t, 1)
	fill(t, c)
	n, ctx := c.Node(), t.Context()
	create := func(o cachefs.CreateOptions) error {
		w, err := n.Create(ctx, "/new", &o)
		if err == nil {
			err = w.Abort()
		}
		return errors.Join(err)
	}
	list := func(o cachefs.ListOptions) error {
		for _, err := range n.List(ctx, "/", &o) {
			return err
		}
		return nil
	}
	set := func(o cachefs.AttrOptions) error { return n.SetAttr(ctx, "/file", &o) }
	mount := func(url string, o cachefs.MountOptions) error { return n.Mount(ctx, "/new", url, &o) }
	acl := func(e cachefs.ACLEntry) error {
		return set(cachefs.AttrOptions{ACL: &cachefs.ACL{Entries: []cachefs.ACLEntry{e}}})
	}
	for _, bad := range []struct {
		name string
		err  error
		says string
	}{
		{"read type", second(n.Open(ctx, "/file", &cachefs.OpenOptions{ReadType: 9})), "want CachePromote, Cache or NoCache"},
		{"block size below", create(cachefs.CreateOptions{BlockSize: 1}), "a multiple of 64 KiB up to 1 GiB"},
		{"block size between", create(cachefs.CreateOptions{BlockSize: 100_000}), "a multiple of 64 KiB up to 1 GiB"},
		{"block size above", create(cachefs.CreateOptions{BlockSize: 1<<30 + 64<<10}), "a multiple of 64 KiB up to 1 GiB"},
		{"block size negative", create(cachefs.CreateOptions{BlockSize: -64 << 10}), "a multiple of 64 KiB up to 1 GiB"},
		{"write type", create(cachefs.CreateOptions{WriteType: 9}), "want MustCache, CacheThrough, Through or AsyncThrough"},
		{"size", create(cachefs.CreateOptions{Size: -1}), "or 0 (unknown)"},
		{"TTL of a file", create(cachefs.CreateOptions{TTL: cachefs.TTL{After: -1}}), "0 (for ever) or more"},
		{"action of a file", create(cachefs.CreateOptions{TTL: cachefs.TTL{Action: 9}}), "want FreeAtEnd or DeleteAtEnd"},
		{"replicas of a file", create(cachefs.CreateOptions{ReplicasMin: -1}), "0 (the default) or more"},
		{"limit", list(cachefs.ListOptions{Limit: -1}), "0 (none) or more"},
		{"prefix", list(cachefs.ListOptions{Prefix: "/file"}), "relative to the directory"},
		{"start after", list(cachefs.ListOptions{StartAfter: "/file"}), "relative to the directory"},
		{"TTL", set(cachefs.AttrOptions{TTL: new(-time.Second)}), "0 (for ever) or more"},
		{"action", set(cachefs.AttrOptions{TTLAction: new(cachefs.TTLAction(9))}), "want FreeAtEnd or DeleteAtEnd"},
		{"replicas", set(cachefs.AttrOptions{ReplicasMax: new(-1)}), "0 (the default) or more"},
		{"replicas crossed", set(cachefs.AttrOptions{ReplicasMin: new(3), ReplicasMax: new(2)}), "no more at least than at most"},
		{"ACL tag", acl(cachefs.ACLEntry{Tag: 'x', Name: "a"}), "want ACLUser, ACLGroup, ACLOwningGroup or ACLMask"},
		{"ACL name", acl(cachefs.ACLEntry{Tag: cachefs.ACLUser}), "without a name"},
		{"ACL mask", acl(cachefs.ACLEntry{Tag: cachefs.ACLMask, Name: "a"}), "want none"},
		{"ACL bits", acl(cachefs.ACLEntry{Tag: cachefs.ACLGroup, Name: "a", Perm: 8}), "want 0 to 7"},
		{"default ACL of a file", set(cachefs.AttrOptions{DefaultACL: &cachefs.ACL{}}), "directories have one"},
		{"attribute without a name", set(cachefs.AttrOptions{Xattr: map[string][]byte{"": nil}}), "without a name"},
		{"offset", second(n.Locate(ctx, "/file", &cachefs.LocateOptions{Offset: -1})), "want neither below 0"},
		{"length", second(n.Locate(ctx, "/file", &cachefs.LocateOptions{Length: -1})), "want neither below 0"},
		{"parallel", second(n.Load(ctx, "/file", &cachefs.LoadOptions{Parallel: -1})), "0 (the default, 8) or more"},
		{"sync", mount("mem://x", cachefs.MountOptions{Sync: -2}), "SyncNever (0), SyncAlways (-1 ns) or an age above 0"},
		{"no store", mount("", cachefs.MountOptions{}), "give one"},
		{"scheme", mount("s4://b", cachefs.MountOptions{}), `unknown scheme "s4" (have ` + strings.Join(ufs.Schemes(), ", ") + ")"},
		{"URL", mount("file://%zz", cachefs.MountOptions{}), "no under store at"},
		{"same place", mount("", cachefs.MountOptions{Store: c.Store.UFS()}), "mounted at /mem"},
		{"root", n.Mount(ctx, "/", "mem://x", nil), "below the root"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			require.ErrorIs(t, bad.err, cachefs.ErrInvalid)
			pe, ok := errors.AsType[*fs.PathError](bad.err)
			require.True(t, ok, "%T", bad.err)
			require.True(t, slices.Contains([]string{"/file", "/new", "/"}, pe.Path), pe.Path)
			require.ErrorContains(t, bad.err, bad.says)
		})
	}
	for _, b := range []int64{0, 64 << 10, 1 << 30} {
		require.NoError(t, create(cachefs.CreateOptions{BlockSize: b}), "block size %d", b)
	}
	// A huge range is the end of the file; one behind the end is empty.
	blocks, err := n.Locate(ctx, "/file", &cachefs.LocateOptions{Offset: 1, Length: 1<<63 - 1})
	require.NoError(t, err)
	require.Len(t, blocks, 1)
	blocks, err = n.Locate(ctx, "/file", &cachefs.LocateOptions{Offset: 1<<63 - 1})
	require.NoError(t, err)
	require.Empty(t, blocks)
}

func second[T any](_ T, err error) error { return err }

// What cannot be done says why, and what would do.
func TestRefusals(t *testing.T) {
	c := cachefstest.New(t, 1)
	fill(t, c)
	n, ctx := c.Node(), t.Context()
	for _, bad := range []struct {
		name string
		err  error
		is   error
		says string
	}{
		{"remove the root", n.Remove(ctx, "/", &cachefs.RemoveOptions{Recursive: true}), cachefs.ErrInvalid, "the root stays"},
		{"remove a mount point", n.Remove(ctx, "/mem", nil), cachefs.ErrInvalid, "Unmount"},
		{"rename the root", n.Rename(ctx, "/", "/x", nil), cachefs.ErrInvalid, "the root"},
		{"rename onto the root", n.Rename(ctx, "/file", "/", nil), cachefs.ErrInvalid, "the root"},
		{"rename a mount point", n.Rename(ctx, "/mem", "/x", nil), cachefs.ErrInvalid, "mount point"},
		{"rename onto a mount point", n.Rename(ctx, "/file", "/mem", nil), cachefs.ErrInvalid, "mount point"},
		{"rename below itself", n.Rename(ctx, "/dir", "/dir/sub", nil), cachefs.ErrInvalid, "below itself"},
		{"rename across mounts", n.Rename(ctx, "/file", "/mem/x", nil), cachefs.ErrCrossMount, "copy"},
		{"rename onto a file", n.Rename(ctx, "/file", "/dir/file", nil), cachefs.ErrExist, "Overwrite"},
		{"create over a file", second(n.Create(ctx, "/file", nil)), cachefs.ErrExist, "Overwrite"},
		{"create the root", second(n.Create(ctx, "/", nil)), cachefs.ErrExist, "is a directory"},
		{"create a directory's name", second(n.Create(ctx, "/dir", nil)), cachefs.ErrExist, "is a directory"},
		{"create without parent", second(n.Create(ctx, "/no/file", nil)), cachefs.ErrNotExist, "Parents"},
		{"mkdir without parent", n.Mkdir(ctx, "/no/dir", nil), cachefs.ErrNotExist, "Parents"},
		{"mkdir of a directory", n.Mkdir(ctx, "/dir", nil), cachefs.ErrExist, "Parents"},
		{"create below a file", second(n.Create(ctx, "/file/x", nil)), cachefs.ErrNotDir, ""},
		{"open a directory", second(n.Open(ctx, "/dir", nil)), cachefs.ErrIsDir, ""},
		{"list a file", calls[3].do(ctx, n, "/file"), cachefs.ErrNotDir, ""},
		{"remove a full directory", n.Remove(ctx, "/dir", nil), cachefs.ErrNotEmpty, "Recursive"},
		{"free a full directory", n.Free(ctx, "/dir", nil), cachefs.ErrNotEmpty, "Recursive"},
		{"free the only copy", n.Free(ctx, "/file", nil), cachefs.ErrNotPersisted, "only copy"},
		{"persist without a store", second(n.Persist(ctx, "/file", nil)), cachefs.ErrNotMounted, ""},
		{"unmount what is none", n.Unmount(ctx, "/dir", nil), cachefs.ErrNotMounted, ""},
		{"mount on a file", n.Mount(ctx, "/file", "mem://x", nil), cachefs.ErrExist, "must not exist"},
		{"write through without a store", second(n.Create(ctx, "/x", &cachefs.CreateOptions{WriteType: cachefs.CacheThrough})), cachefs.ErrNotMounted, "MustCache"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			require.ErrorIs(t, bad.err, bad.is)
			require.ErrorContains(t, bad.err, bad.says)
		})
	}
}

// A mount in or around the place of another is refused, whichever came first; so is a place that is not there.
func TestOverlappingMounts(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(dir+"/in/deep", 0o755))
	require.NoError(t, os.WriteFile(dir+"/file", nil, 0o600))
	n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/a", URL: "file://" + dir + "/in"}}})
	require.NoError(t, err)
	defer n.Close()
	for _, place := range []string{dir, dir + "/in", dir + "/in/", dir + "/in/deep"} {
		err := n.Mount(t.Context(), "/b", "file://"+place, nil)
		require.ErrorIs(t, err, cachefs.ErrInvalid, place)
		require.ErrorContains(t, err, "mounted at /a")
		require.ErrorContains(t, err, dir+"/in")
	}
	err = n.Mount(t.Context(), "/b", "file://"+dir+"/none", nil)
	require.ErrorIs(t, err, cachefs.ErrNotExist)
	require.ErrorContains(t, err, dir+"/none")
	require.ErrorIs(t, n.Mount(t.Context(), "/b", "file://"+dir+"/file", nil), cachefs.ErrNotDir)
	_, err = n.Stat(t.Context(), "/b", nil)
	require.ErrorIs(t, err, cachefs.ErrNotExist, "a mount that was refused leaves nothing")
	require.NoError(t, n.Mount(t.Context(), "/b", "mem://b", nil))
	require.NoError(t, n.Mount(t.Context(), "/c", "", &cachefs.MountOptions{Store: memufs.New(nil).UFS()}))
}

// fileCalls are what can be asked of an open file, but for Close.
var fileCalls = map[string]func(f *cachefs.File) error{
	"Read":    func(f *cachefs.File) error { return second(f.Read(make([]byte, 10))) },
	"Read 0":  func(f *cachefs.File) error { return second(f.Read(nil)) },
	"ReadAt":  func(f *cachefs.File) error { return second(f.ReadAt(make([]byte, 10), 0)) },
	"ReadAt0": func(f *cachefs.File) error { return second(f.ReadAt(nil, 0)) },
	"Seek":    func(f *cachefs.File) error { return second(f.Seek(0, io.SeekStart)) },
	"Stat":    func(f *cachefs.File) error { return second(f.Stat()) },
	"View":    func(f *cachefs.File) error { return second(f.View(0, 10)) },
	"WriteTo": func(f *cachefs.File) error { return second(f.WriteTo(io.Discard)) },
}

func TestClosedFile(t *testing.T) {
	c := cachefstest.New(t, 1)
	fill(t, c)
	for _, path := range []string{"/file", "/mem/file"} {
		f, err := c.Node().Open(t.Context(), path, nil)
		require.NoError(t, err)
		other := f.WithContext(context.Background())
		v, err := f.View(0, 100)
		require.NoError(t, err)
		want := bytes.Clone(v.Bytes())
		require.NoError(t, f.Close())
		for _, end := range []*cachefs.File{f, other} {
			for what, do := range fileCalls {
				err := do(end)
				require.ErrorIs(t, err, cachefs.ErrClosed, what)
				pe, ok := err.(*fs.PathError)
				require.True(t, ok, "%s: %T", what, err)
				require.Equal(t, path, pe.Path)
			}
			require.ErrorIs(t, end.Close(), cachefs.ErrClosed, "a second Close")
		}
		require.Equal(t, want, v.Bytes(), "a View outlives its file")
		v.Release()
	}
}

// The context that opened a file ends its reads, of cached bytes too; WithContext reads on.
func TestFileOfEndedContext(t *testing.T) {
	c := cachefstest.New(t, 1)
	fill(t, c)
	cause := errors.New("the cause")
	for _, path := range []string{"/file", "/mem/file"} {
		for what, do := range fileCalls {
			ctx, cancel := context.WithCancelCause(t.Context())
			f, err := c.Node().Open(ctx, path, nil)
			require.NoError(t, err)
			_, err = f.ReadAt(make([]byte, 10), 0) // it is in the file's table now
			require.NoError(t, err)
			cancel(cause)
			err = within(t, func() error { return do(f) })
			if strings.HasSuffix(what, "0") || what == "Seek" || what == "Stat" {
				require.NoError(t, err, "%s reads nothing", what)
			} else {
				require.ErrorIs(t, err, cause, what)
			}
			_, err = f.WithContext(t.Context()).ReadAt(make([]byte, 10), 0)
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}
	}
}

func TestBadOffsets(t *testing.T) {
	c := cachefstest.New(t, 1, func(cfg *cachefs.Config) { cfg.BlockSize = 64 << 10 })
	want := content(3, 100_000)
	putStore(t, c, "big", want)
	putStore(t, c, "empty", nil)
	const huge = 1<<63 - 1
	for _, path := range []string{"/mem/big", "/mem/empty"} {
		f, err := c.Node().Open(t.Context(), path, nil)
		require.NoError(t, err)
		for range 2 { // cold, then cached
			for _, off := range []int64{-1, -huge - 1} {
				_, err = f.ReadAt(make([]byte, 10), off)
				require.ErrorIs(t, err, cachefs.ErrInvalid)
				require.ErrorContains(t, err, "want 0 or more")
				_, err = f.View(off, 10)
				require.ErrorIs(t, err, cachefs.ErrInvalid)
				_, err = f.Seek(off, io.SeekStart)
				require.ErrorIs(t, err, cachefs.ErrInvalid)
			}
			for _, off := range []int64{f.Size(), f.Size() + 1, huge} {
				n, err := f.ReadAt(make([]byte, 10), off)
				require.Equal(t, io.EOF, err, "bare, as io.ReaderAt wants it")
				require.Zero(t, n)
				_, err = f.View(off, 10)
				require.Equal(t, io.EOF, err)
				_, err = f.Seek(off, io.SeekStart)
				require.NoError(t, err, "beyond the end is allowed")
				n, err = f.Read(make([]byte, 10))
				require.Equal(t, io.EOF, err)
				require.Zero(t, n)
			}
			n, err := f.ReadAt(nil, huge)
			require.NoError(t, err)
			require.Zero(t, n)
			_, err = f.View(0, 0)
			require.ErrorIs(t, err, cachefs.ErrInvalid)
			require.ErrorContains(t, err, "want at least one byte")
			_, err = f.View(0, -1)
			require.ErrorIs(t, err, cachefs.ErrInvalid)
			_, err = f.Seek(0, 9)
			require.ErrorIs(t, err, cachefs.ErrInvalid)
			require.ErrorContains(t, err, "io.SeekStart")
			_, err = f.Seek(huge, io.SeekStart)
			require.NoError(t, err)
			_, err = f.Seek(huge, io.SeekCurrent)
			require.ErrorIs(t, err, cachefs.ErrInvalid, "an offset that overflows")
			require.ErrorContains(t, err, fmt.Sprintf("offset %d from %d; want %d to 0", huge, huge, -huge))
			_, err = f.Seek(-f.Size()-1, io.SeekEnd)
			require.ErrorIs(t, err, cachefs.ErrInvalid)
			require.ErrorContains(t, err, fmt.Sprintf("offset %d from %d; want %d to %d", -f.Size()-1, f.Size(), -f.Size(), huge-f.Size()))
			at, err := f.Seek(0, io.SeekCurrent)
			require.NoError(t, err)
			require.EqualValues(t, huge, at, "as it was")
			if f.Size() > 0 {
				v, err := f.View(f.Size()-3, 1<<62)
				require.NoError(t, err)
				require.Equal(t, want[len(want)-3:], v.Bytes())
				v.Release()
				n, err = f.ReadAt(make([]byte, 10), f.Size()-3)
				require.Equal(t, io.EOF, err)
				require.Equal(t, 3, n)
			}
		}
		require.NoError(t, f.Close())
	}
}

func TestWriterMisused(t *testing.T) {
	c := cachefstest.New(t, 1)
	for _, path := range []string{"/w", "/mem/w"} {
		w, err := c.Node().Create(t.Context(), path, nil)
		require.NoError(t, err)
		n, err := w.Write(nil)
		require.NoError(t, err)
		require.Zero(t, n)
		m, err := w.ReadFrom(strings.NewReader(""))
		require.NoError(t, err)
		require.Zero(t, m)
		require.NoError(t, w.Close())
		closed := func(w *cachefs.Writer) {
			_, err := w.Write([]byte("x"))
			require.ErrorIs(t, err, cachefs.ErrClosed)
			_, err = w.Write(nil)
			require.ErrorIs(t, err, cachefs.ErrClosed)
			_, err = w.ReadFrom(strings.NewReader("x"))
			require.ErrorIs(t, err, cachefs.ErrClosed)
			require.ErrorIs(t, w.Close(), cachefs.ErrClosed)
			require.ErrorIs(t, w.Abort(), cachefs.ErrClosed)
			pe, ok := errors.AsType[*fs.PathError](w.Close())
			require.True(t, ok)
			require.Equal(t, path, pe.Path)
		}
		closed(w)
		require.Empty(t, readAll(t, c.Node(), path), "what was closed stays")
		w, err = c.Node().Create(t.Context(), path, &cachefs.CreateOptions{Overwrite: true})
		require.NoError(t, err)
		_, err = w.Write([]byte("given up"))
		require.NoError(t, err)
		require.NoError(t, w.Abort())
		closed(w)
		require.Empty(t, readAll(t, c.Node(), path), "what was given up is not there")
	}
}

// A writer's context ends its writes and its Close, and then the file is gone.
func TestWriterOfEndedContext(t *testing.T) {
	c := cachefstest.New(t, 1)
	cause := errors.New("the cause")
	for _, path := range []string{"/w", "/mem/w"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		w, err := c.Node().Create(ctx, path, nil)
		require.NoError(t, err)
		_, err = w.Write([]byte("x"))
		require.NoError(t, err)
		cancel(cause)
		_, err = w.Write([]byte("y"))
		require.ErrorIs(t, err, cause)
		require.ErrorIs(t, w.Close(), cause)
		_, err = c.Node().Stat(t.Context(), path, nil)
		require.ErrorIs(t, err, cachefs.ErrNotExist)
		keys := 0
		for range c.Store.UFS().List(t.Context(), ufs.ListOptions{}) {
			keys++
		}
		require.Zero(t, keys, "nothing is left in the store")
	}
}

// Close of a file, and of the node, while others read it: every read ends, with all its bytes or with ErrClosed.
func TestCloseDuringReads(t *testing.T) {
	for _, what := range []string{"file", "node"} {
		t.Run(what, func(t *testing.T) {
			c := cachefstest.New(t, 1, func(cfg *cachefs.Config) { cfg.BlockSize = 64 << 10 })
			want := content(6, 3<<20)
			putStore(t, c, "f", want)
			f, err := c.Node().Open(t.Context(), "/mem/f", nil)
			require.NoError(t, err)
			var wg sync.WaitGroup
			begun := make(chan struct{}, 64)
			for g := range 8 {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(uint64(g), 2))
					p := make([]byte, 100_000)
					for {
						off := rng.Int64N(int64(len(want) - len(p)))
						n, err := f.ReadAt(p, off)
						require.True(t, bytes.Equal(want[off:][:n], p[:n]))
						if err != nil {
							require.ErrorIs(t, err, cachefs.ErrClosed)
							return
						}
						require.Len(t, p, n)
						select {
						case begun <- struct{}{}:
						default:
						}
					}
				})
			}
			for range 16 {
				<-begun
			}
			if what == "file" {
				require.NoError(t, f.Close())
			} else {
				require.NoError(t, c.Node().Close())
			}
			within(t, func() error { wg.Wait(); return nil })
		})
	}
}
