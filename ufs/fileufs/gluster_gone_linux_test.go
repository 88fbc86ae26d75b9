package fileufs_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/fileufs"
)

// once opens a place whose calls are made once, so that each answer is the store's.
func once(t *testing.T, dir string) *ufs.Store {
	t.Helper()
	s, err := fileufs.Open(dir, &fileufs.Options{UFS: &ufs.Options{Attempts: 1, DisableBreaker: true, DisableHedge: true}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func readFile(t *testing.T, s *ufs.Store, key string) ([]byte, error) {
	rc, _, err := s.Open(t.Context(), key, 0, -1, "")
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(rc)
}

// isDown asserts that each call says that the store is down, and none that a file is gone.
func isDown(t *testing.T, s *ufs.Store, when string) {
	t.Helper()
	ctx := t.Context()
	for call, err := range map[string]func() error{
		"stat":            func() error { _, err := s.Stat(ctx, "f"); return err },
		"stat of nothing": func() error { _, err := s.Stat(ctx, "missing"); return err },
		"list":            func() error { _, err := s.ListPage(ctx, ufs.ListOptions{}); return err },
		"open":            func() error { _, err := readFile(t, s, "f"); return err },
		"create":          func() error { _, err := s.Create(ctx, "new", ufs.CreateOptions{}); return err },
		"mkdir":           func() error { return s.Mkdir(ctx, "dir", true, 0o755) },
		"rename":          func() error { _, err := s.Rename(ctx, "f", "g", false); return err },
		"delete":          func() error { return s.Delete(ctx, "f") },
		"mode":            func() error { _, err := s.SetMode(ctx, "f", 0o600); return err },
	} {
		err := err()
		require.ErrorIs(t, err, driver.ErrUnavailable, "%s, %s", call, when)
		require.NotErrorIs(t, err, driver.ErrNotExist, "%s, %s", call, when)
	}
}

// TestServerMountGoesAway kills the mount's client process. The store is down until it is mounted again; what is cached is
// read on, and the namespace keeps its files.
func TestServerMountGoesAway(t *testing.T) {
	v := realVolume(t)
	place := v.place(t)
	v.mount(t, "doomed", atOnce()...)
	dir := v.at("doomed", place)
	put(t, filepath.Join(dir, "f"), "cached", time.Hour)
	put(t, filepath.Join(dir, "cold"), "cold", time.Hour)
	s := once(t, dir)
	n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/in", Store: once(t, dir)}}})
	require.NoError(t, err)
	defer n.Close()
	body, _, err := s.Open(t.Context(), "cold", 0, -1, "")
	require.NoError(t, err)
	defer body.Close()
	w, err := s.Create(t.Context(), "half", ufs.CreateOptions{})
	require.NoError(t, err)
	require.Equal(t, "cached", readNode(t, n, "/in/f"))
	require.Equal(t, []string{"cold", "f"}, names(t, n))

	v.killMount(t, "doomed")
	isDown(t, s, "its client is dead")
	_, err = io.ReadAll(body)
	require.ErrorIs(t, err, driver.ErrUnavailable, "of an open body")
	_, err = w.Commit(t.Context())
	require.ErrorIs(t, err, driver.ErrUnavailable, "of a file that is being written")
	_ = w.Abort(t.Context()) // cannot remove the temporary file
	require.Equal(t, "cached", readNode(t, n, "/in/f"))
	_, err = n.Stat(t.Context(), "/in/f", &cachefs.StatOptions{Sync: true})
	require.ErrorIs(t, err, ufs.ErrUnavailable)
	require.NotErrorIs(t, err, driver.ErrNotExist)
	require.Equal(t, []string{"cold", "f"}, names(t, n))

	v.script(t, "unmount", "doomed")
	isDown(t, s, "it is not mounted")
	require.Equal(t, "cached", readNode(t, n, "/in/f"))

	v.script(t, "mount", append([]string{"doomed"}, atOnce()...)...)
	_, _ = s.Stat(t.Context(), "f") // finds that it is back
	require.EqualValues(t, 6, stat(t, s, "f").Size)
	require.Eventually(t, func() bool {
		_, err := n.Stat(t.Context(), "/in/f", &cachefs.StatOptions{Sync: true})
		return err == nil
	}, 10*time.Second, 10*time.Millisecond, "the node's handle finds it, too")
	require.Equal(t, "cold", readNode(t, n, "/in/cold"))
	require.Equal(t, []string{"cold", "f"}, names(t, n))
}

// TestServerBrickGoesAway: the client is there and its server is not.
func TestServerBrickGoesAway(t *testing.T) {
	v := realVolume(t)
	dir := v.at("first", v.place(t))
	put(t, filepath.Join(dir, "f"), "content", time.Hour)
	s := once(t, dir)
	stat(t, s, "f")
	bricks, err := filepath.Glob(filepath.Join(v.dir, "run/vols/millpond/*.pid"))
	require.NoError(t, err)
	require.Len(t, bricks, 1)
	t.Cleanup(func() {
		v.script(t, "bricks")
		for _, mount := range []string{"first", "second"} {
			require.Eventually(t, func() bool { _, err := os.Stat(v.at(mount, "")); return err == nil }, 30*time.Second, 20*time.Millisecond)
		}
	})
	kill(t, bricks[0])
	require.Eventually(t, func() bool { _, err := os.Stat(dir); return err != nil }, 10*time.Second, 5*time.Millisecond)
	isDown(t, s, "its brick is dead")
	v.script(t, "bricks")
	require.Eventually(t, func() bool { _, err := s.Stat(t.Context(), "f"); return err == nil }, 30*time.Second, 20*time.Millisecond, "it comes back by itself")
	b, err := readFile(t, s, "f")
	require.NoError(t, err)
	require.Equal(t, "content", string(b))
}

func readNode(t *testing.T, n *cachefs.Node, path string) string {
	t.Helper()
	f, err := n.Open(t.Context(), path, nil)
	require.NoError(t, err)
	defer f.Close()
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	return string(b)
}

// names are those that a node lists at /in.
func names(t *testing.T, n *cachefs.Node) (all []string) {
	t.Helper()
	for info, err := range n.List(t.Context(), "/in", nil) {
		require.NoError(t, err)
		all = append(all, info.Name())
	}
	return all
}
