package cachefstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/ufs"
)

// Stranger is a change that somebody else makes in a store, and what is seen of it by who looks again: a line of Strangers.
type Stranger struct {
	Name   string
	Before map[string]string                           // what Do wants to be there: keys, below in, and their content
	Do     func(t testing.TB, s *ufs.Store, in string) // makes the change in the directory in, "" for the place itself
	Key    string                                      // what is looked at, below in
	Now    string                                      // what At says of it then: its content, "dir" or "gone"
}

// Strangers are the changes that a mount's Sync has to notice: files that change, with their length or without, come, go, and become
// directories, and directories that go and become files. They share keys: each is for a directory of its own.
func Strangers() []Stranger {
	replace := func(key, text string) func(testing.TB, *ufs.Store, string) {
		return func(t testing.TB, s *ufs.Store, in string) { Put(t, s, path.Join(in, key), text) }
	}
	remove := func(t testing.TB, s *ufs.Store, in string) {
		require.NoError(t, s.Delete(t.Context(), path.Join(in, "f")))
	}
	removeDir := func(t testing.TB, s *ufs.Store, in string) {
		require.NoError(t, s.DeleteAll(t.Context(), path.Join(in, "d")))
	}
	becomeDir := func(t testing.TB, s *ufs.Store, in string) {
		remove(t, s, in)
		Put(t, s, path.Join(in, "f/below"), "new")
	}
	becomeFile := func(t testing.TB, s *ufs.Store, in string) {
		removeDir(t, s, in)
		Put(t, s, path.Join(in, "d"), "new")
	}
	f := map[string]string{"f": "old"}
	return []Stranger{
		{"a file changes", f, replace("f", "newer"), "f", "newer"},
		{"a file of the same length", f, replace("f", "new"), "f", "new"},
		{"a file goes", f, remove, "f", "gone"},
		{"a file comes", map[string]string{"x": ""}, replace("f", "new"), "f", "new"},
		{"a file becomes a directory", f, becomeDir, "f", "dir"},
		{"what is below a new directory", f, becomeDir, "f/below", "new"},
		{"a directory becomes a file", map[string]string{"d/f": "old"}, becomeFile, "d", "new"},
		{"a directory goes", map[string]string{"d/f": "old"}, removeDir, "d", "gone"},
		{"a file of a directory that goes", map[string]string{"d/e/f": "old"}, removeDir, "d/e/f", "gone"},
	}
}

// Put writes a file of a store and its parents, past the nodes that have it mounted, as somebody else would.
func Put(t testing.TB, s *ufs.Store, key, text string) {
	t.Helper()
	w, err := s.Create(t.Context(), key, ufs.CreateOptions{Parents: true})
	require.NoError(t, err)
	_, err = w.Write([]byte(text))
	require.NoError(t, err)
	_, err = w.Commit(t.Context())
	require.NoError(t, err)
}

// At says what a node has at a path: a file's content, "dir" for a directory, "gone" for nothing. It looks as any reader does, so by
// the mount's Sync.
func At(t testing.TB, n *cachefs.Node, path string) string {
	t.Helper()
	has, err := look(t.Context(), n, path)
	require.NoError(t, err)
	return has
}

func look(ctx context.Context, n *cachefs.Node, path string) (string, error) {
	f, err := n.Open(ctx, path, nil)
	switch {
	case errors.Is(err, cachefs.ErrNotExist), errors.Is(err, cachefs.ErrNotDir):
		return "gone", nil
	case errors.Is(err, cachefs.ErrIsDir):
		return "dir", nil
	case err != nil:
		return "", err
	}
	defer f.Close()
	var b strings.Builder
	_, err = io.Copy(&b, f)
	return b.String(), err
}

// soonAge is how long a mount of Sync believes what it saw: the change is seen a while after it, and nobody waits long.
const soonAge = 500 * time.Millisecond

// Sync is for a driver's tests: what others write to a store shows by the mount's policy, never, after an age or at once,
// and whatever the policy to who asks for it. s and other are two handles of one fresh place, which can be written: the node has s, and
// the Strangers are made through other. It takes some 4 s, waiting for the age.
func Sync(t *testing.T, s, other *ufs.Store) {
	for name, policy := range map[string]time.Duration{"never": cachefs.SyncNever, "after an age": soonAge, "always": cachefs.SyncAlways} {
		t.Run(name, func(t *testing.T) {
			n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: MountPath, Store: s, Sync: policy}}})
			require.NoError(t, err)
			defer n.Close()
			for i, c := range Strangers() {
				t.Run(c.Name, func(t *testing.T) { c.noticed(t, n, other, fmt.Sprintf("%s-%d", name, i), policy) })
			}
		})
	}
}

func (c *Stranger) noticed(t *testing.T, n *cachefs.Node, other *ufs.Store, in string, policy time.Duration) {
	for key, text := range c.Before {
		Put(t, other, path.Join(in, key), text)
	}
	at := path.Join(MountPath, in, c.Key)
	was := At(t, n, at)
	require.NotEqual(t, c.Now, was)
	c.Do(t, other, in)
	switch policy {
	case cachefs.SyncAlways:
	case cachefs.SyncNever:
		require.Equal(t, was, At(t, n, at), "nobody has looked")
		_, err := n.Stat(t.Context(), at, &cachefs.StatOptions{Sync: true})
		require.Equal(t, c.Now == "gone", err != nil, "%v", err)
	default:
		require.Eventually(t, func() bool {
			has, err := look(t.Context(), n, at)
			return err == nil && has == c.Now
		}, 20*time.Second, soonAge/10)
	}
	require.Equal(t, c.Now, At(t, n, at))
}
