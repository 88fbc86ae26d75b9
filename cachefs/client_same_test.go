package cachefs_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
)

// kinds are the errors that callers tell apart.
var kinds = []error{
	cachefs.ErrExist, cachefs.ErrNotExist, cachefs.ErrPermission, cachefs.ErrInvalid, cachefs.ErrClosed, cachefs.ErrNotDir, cachefs.ErrIsDir,
	cachefs.ErrNotEmpty, cachefs.ErrReadOnly, cachefs.ErrIncomplete, cachefs.ErrCrossMount, cachefs.ErrBusy, cachefs.ErrNotPersisted,
	cachefs.ErrPinned, cachefs.ErrNotMounted, context.DeadlineExceeded, context.Canceled,
}

// sameError fails unless two errors say the same to whoever asks.
func sameError(t *testing.T, want, got error, what string) {
	t.Helper()
	if want == nil {
		require.NoError(t, got, what)
		return
	}
	require.Error(t, got, what)
	require.Equal(t, want.Error(), got.Error(), what)
	require.IsType(t, want, got, what)
	for _, kind := range kinds {
		require.Equal(t, errors.Is(want, kind), errors.Is(got, kind), "%s: %v is %v", what, got, kind)
	}
	var wantPath, gotPath *fs.PathError
	if errors.As(want, &wantPath) && errors.As(got, &gotPath) {
		require.Equal(t, wantPath.Path, gotPath.Path, what)
		require.Equal(t, wantPath.Op, gotPath.Op, what)
	}
}

// TestClientErrors: what a node refuses it refuses a Client in the same words, and errors.Is and errors.As say the same.
func TestClientErrors(t *testing.T) {
	c := cachefstest.New(t, 1, overLoopback, func(cfg *cachefs.Config) { cfg.Permissions = true })
	node, client := c.Node(), dial(t, c.Node())
	ctx := t.Context()
	nobody := cachefs.WithUser(ctx, cachefs.User{Name: "nobody"})
	putStore(t, c, "d/f", []byte("stored"))
	require.NoError(t, node.Mkdir(ctx, "/dir/sub", &cachefs.MkdirOptions{Parents: true, Mode: 0o700}))
	require.NoError(t, writeFile(ctx, node, "/dir/only\xff", []byte("here"), cachefs.CreateOptions{}))
	incomplete, err := node.Create(ctx, "/incomplete", nil)
	require.NoError(t, err)
	defer incomplete.Abort()
	gone, cancel := context.WithCancelCause(ctx)
	cancel(errors.New("no time for it"))
	for what, do := range map[string]func(f cachefs.FileSystem) error{
		"stat missing":       func(f cachefs.FileSystem) error { _, err := f.Stat(ctx, "/none/\xfe", nil); return err },
		"stat relative":      func(f cachefs.FileSystem) error { _, err := f.Stat(ctx, "a", nil); return err },
		"stat, context over": func(f cachefs.FileSystem) error { _, err := f.Stat(gone, "/dir", nil); return err },
		"open directory":     func(f cachefs.FileSystem) error { _, err := f.Open(ctx, "/dir", nil); return err },
		"open incomplete":    func(f cachefs.FileSystem) error { _, err := f.Open(ctx, "/incomplete", nil); return err },
		"open wrong": func(f cachefs.FileSystem) error {
			_, err := f.Open(ctx, "/dir", &cachefs.OpenOptions{ReadType: 99})
			return err
		},
		"wait":           func(f cachefs.FileSystem) error { return waitFor(ctx, f, "/incomplete") },
		"create there":   func(f cachefs.FileSystem) error { _, err := f.Create(ctx, "/dir/only\xff", nil); return err },
		"create nowhere": func(f cachefs.FileSystem) error { _, err := f.Create(ctx, "/no/such", nil); return err },
		"create through": func(f cachefs.FileSystem) error {
			_, err := f.Create(ctx, "/x", &cachefs.CreateOptions{WriteType: cachefs.Through})
			return err
		},
		"list file":          func(f cachefs.FileSystem) error { _, err := names(f.List(ctx, "/mem/d/f", nil), "/"); return err },
		"list missing":       func(f cachefs.FileSystem) error { _, err := names(f.List(ctx, "/none", nil), "/"); return err },
		"mkdir there":        func(f cachefs.FileSystem) error { return f.Mkdir(ctx, "/dir", nil) },
		"mkdir below file":   func(f cachefs.FileSystem) error { return f.Mkdir(ctx, "/mem/d/f/x", nil) },
		"mkdir forbidden":    func(f cachefs.FileSystem) error { return f.Mkdir(nobody, "/dir/x", nil) },
		"rename missing":     func(f cachefs.FileSystem) error { return f.Rename(ctx, "/none", "/other", nil) },
		"rename into itself": func(f cachefs.FileSystem) error { return f.Rename(ctx, "/dir", "/dir/sub/x", nil) },
		"rename over mounts": func(f cachefs.FileSystem) error { return f.Rename(ctx, "/dir", "/mem/x", nil) },
		"remove full":        func(f cachefs.FileSystem) error { return f.Remove(ctx, "/dir", nil) },
		"remove forbidden": func(f cachefs.FileSystem) error {
			return f.Remove(nobody, "/dir", &cachefs.RemoveOptions{Recursive: true})
		},
		"remove mount": func(f cachefs.FileSystem) error {
			return f.Remove(ctx, "/mem", &cachefs.RemoveOptions{Recursive: true})
		},
		"setattr": func(f cachefs.FileSystem) error { return f.SetAttr(ctx, "/none", &cachefs.AttrOptions{Pin: new(bool)}) },
		"mount":   func(f cachefs.FileSystem) error { return f.Mount(ctx, "/n", "nothing://x", nil) },
		"unmount": func(f cachefs.FileSystem) error { return f.Unmount(ctx, "/dir", nil) },
		"free":    func(f cachefs.FileSystem) error { return f.Free(ctx, "/dir/only\xff", nil) },
		"locate":  func(f cachefs.FileSystem) error { _, err := f.Locate(ctx, "/dir", nil); return err },
		"load":    func(f cachefs.FileSystem) error { _, err := f.Load(ctx, "/none", nil); return err },
		"persist": func(f cachefs.FileSystem) error { _, err := f.Persist(ctx, "/dir", nil); return err },
	} {
		want := do(node)
		require.Error(t, want, what)
		sameError(t, want, do(client), what)
	}
	var le *os.LinkError
	require.True(t, errors.As(client.Rename(ctx, "/none\xff", "/other", nil), &le))
	require.Equal(t, "/none\xff", le.Old)
}

// waitFor opens an incomplete file that nobody closes.
func waitFor(ctx context.Context, f cachefs.FileSystem, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err := f.Open(ctx, path, &cachefs.OpenOptions{Wait: true})
	return err
}

// TestClientSeesAsANode: all that can be asked of a namespace is the same by way of a Client.
func TestClientSeesAsANode(t *testing.T) {
	c := cachefstest.New(t, 1, overLoopback)
	node, client := c.Node(), dial(t, c.Node())
	ctx := t.Context()
	pin, ttl, mode := true, time.Hour, fs.FileMode(0o640)
	owner, at := "o\xffwner", time.Unix(1_700_000_000, 5)
	require.NoError(t, writeFile(ctx, client, "/f\xff", []byte("bytes"), cachefs.CreateOptions{Mode: 0o600, Pin: true}))
	require.NoError(t, client.SetAttr(ctx, "/f\xff", &cachefs.AttrOptions{
		Pin: &pin, TTL: &ttl, Mode: &mode, Owner: &owner, ModTime: &at,
		ACL:   &cachefs.ACL{Entries: []cachefs.ACLEntry{{Tag: cachefs.ACLUser, Name: "u", Perm: 6}, {Tag: cachefs.ACLMask, Perm: 6}}},
		Xattr: map[string][]byte{"user.a\xff": {0, 255}, "user.empty": {}, "user.gone": []byte("x")},
	}))
	require.NoError(t, client.SetAttr(ctx, "/f\xff", &cachefs.AttrOptions{Xattr: map[string][]byte{"user.gone": nil}}))
	want, err := node.Stat(ctx, "/f\xff", nil)
	require.NoError(t, err)
	require.Len(t, want.Xattr(), 2)
	got, err := client.Stat(ctx, "/f\xff", nil)
	require.NoError(t, err)
	sameInfo(t, want, got)
	pin = false
	require.NoError(t, client.SetAttr(ctx, "/f\xff", &cachefs.AttrOptions{Pin: &pin}))
	got, err = client.Stat(ctx, "/f\xff", nil)
	require.NoError(t, err)
	require.False(t, got.Pinned(), "a false that travels is not one that is left out")
	for i := range 1_200 { // more than two pages
		require.NoError(t, node.Mkdir(ctx, "/many/"+string(rune('a'+i%7))+"/"+time.Duration(i).String(), &cachefs.MkdirOptions{Parents: true}))
	}
	for _, o := range []cachefs.ListOptions{{}, {Recursive: true}, {Recursive: true, Limit: 700}, {Recursive: true, Prefix: "b/"}, {Recursive: true, StartAfter: "c/3ns"}} {
		want, err := names(node.List(ctx, "/many", &o), "/many")
		require.NoError(t, err)
		got, err := names(client.List(ctx, "/many", &o), "/many")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	mounts, err := client.Mounts(ctx)
	require.NoError(t, err)
	require.Len(t, mounts, 1)
	require.NotNil(t, mounts[0].Metrics)
	cluster, err := client.Cluster(ctx)
	require.NoError(t, err)
	require.Equal(t, node.ID(), cluster.Self)
	require.Equal(t, node.ID(), cluster.Peers[0].ID)
	wantAt, err := node.Locate(ctx, "/f\xff", nil)
	require.NoError(t, err)
	gotAt, err := client.Locate(ctx, "/f\xff", nil)
	require.NoError(t, err)
	require.Equal(t, wantAt, gotAt)
	require.Len(t, gotAt[0].Nodes, 1)
}

func sameInfo(t *testing.T, want, got *cachefs.Info) {
	t.Helper()
	require.Equal(t, want.Path(), got.Path())
	require.Equal(t, want.Name(), got.Name())
	require.Equal(t, want.Size(), got.Size())
	require.Equal(t, want.Mode(), got.Mode())
	require.Equal(t, want.ModTime(), got.ModTime())
	require.Equal(t, want.FileID(), got.FileID())
	require.Equal(t, want.BlockSize(), got.BlockSize())
	require.Equal(t, want.Complete(), got.Complete())
	require.Equal(t, want.Persist(), got.Persist())
	require.Equal(t, want.Pinned(), got.Pinned())
	require.Equal(t, want.TTL(), got.TTL())
	require.Equal(t, want.Owner(), got.Owner())
	require.Equal(t, want.Group(), got.Group())
	require.Equal(t, want.ACL(), got.ACL())
	require.Equal(t, want.Xattr(), got.Xattr())
}

// TestClientJobs: a job of a Client tells how far it is, can be ended, and ends at another node when its own is lost.
func TestClientJobs(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 3)
		time.Sleep(10 * time.Second)
		client := c.Client()
		for _, name := range []string{"a", "b", "c"} {
			putStore(t, c, name, content(1, 100_000))
		}
		j, err := client.Load(t.Context(), "/mem", nil)
		require.NoError(t, err)
		require.NoError(t, j.Wait(t.Context()))
		p := j.Progress()
		require.True(t, p.Done && p.Listed)
		require.EqualValues(t, 3, p.FilesDone)
		require.EqualValues(t, 300_000, p.BytesDone)

		c.Store.OnCall(func(op, _ string) error {
			if op == "create" {
				return errors.New("no room today")
			}
			return nil
		})
		require.NoError(t, writeFile(t.Context(), client, "/mem/later", content(2, 100_000), cachefs.CreateOptions{WriteType: cachefs.AsyncThrough}))
		j, err = client.Persist(t.Context(), "/mem", nil)
		require.NoError(t, err)
		time.Sleep(time.Second)
		require.False(t, j.Progress().Done)
		j.Cancel()
		require.ErrorIs(t, j.Wait(t.Context()), cachefs.ErrCancelled)

		j, err = client.Persist(t.Context(), "/mem", nil)
		require.NoError(t, err)
		c.Kill(asked(t, c, client))
		c.Store.OnCall(nil)
		require.NoError(t, j.Wait(t.Context()))
		require.EqualValues(t, 4, j.Progress().FilesDone)
	})
}

// TestClientCloses: after Close nothing goes on.
func TestClientCloses(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 2)
		client := c.Client()
		require.NoError(t, writeFile(t.Context(), client, "/f", content(1, 100_000), cachefs.CreateOptions{}))
		f, err := client.Open(t.Context(), "/f", nil)
		require.NoError(t, err)
		w, err := client.Create(t.Context(), "/w", nil)
		require.NoError(t, err)
		require.NoError(t, client.Close())
		require.NoError(t, client.Close())
		_, err = client.Stat(t.Context(), "/f", nil)
		require.ErrorIs(t, err, cachefs.ErrClosed)
		_, err = io.ReadAll(f)
		require.ErrorIs(t, err, cachefs.ErrClosed)
		require.ErrorIs(t, w.Close(), cachefs.ErrClosed)
		time.Sleep(time.Second)
		_, err = c.Nodes[0].Stat(t.Context(), "/w", &cachefs.StatOptions{Consistent: true})
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.Zero(t, c.Nodes[0].Metrics().ClientStreams+c.Nodes[1].Metrics().ClientStreams)
	})
}
