//go:build unix

package fileufs_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// linked makes a directory with each kind of link in it.
func linked(t *testing.T) (dir string) {
	dir, outside := t.TempDir(), t.TempDir()
	put(t, filepath.Join(outside, "secret"), "secret", 0)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "d/e"), 0o755))
	put(t, filepath.Join(dir, "d/f"), "content", 0)
	for link, target := range map[string]string{
		"file": "d/f", "dir": "d", "d/up": "../d/f", "chain": "file", // shown
		"dangling": "nowhere", "out": outside, "outfile": filepath.Join(outside, "secret"), "dotdot": "../x", "self": "self",
		"d/e/circle": "../../d", "here": ".",
	} {
		require.NoError(t, os.Symlink(target, filepath.Join(dir, link)))
	}
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	return dir
}

func TestLinksInListings(t *testing.T) {
	s := open(t, linked(t))
	for limit := range 4 {
		names, skipped := listing(t, s, ufs.ListOptions{Limit: limit})
		require.Equal(t, []string{"chain -> file", "d/", "dir/ -> d", "file -> d/f"}, names)
		require.Equal(t, 7, skipped, "dangling, dotdot, here, out, outfile, pipe, self")
		names, skipped = listing(t, s, ufs.ListOptions{Limit: limit, Recursive: true})
		require.Equal(t, []string{"chain -> file", "d/", "d/e/", "d/f", "d/up -> ../d/f", "dir/ -> d", "file -> d/f"}, names)
		require.Equal(t, 8, skipped, "d/e/circle besides")
	}
	names, skipped := listing(t, s, ufs.ListOptions{Prefix: "dir"})
	require.Equal(t, []string{"dir/e/", "dir/f", "dir/up -> ../d/f"}, names)
	require.Zero(t, skipped)
	names, skipped = listing(t, s, ufs.ListOptions{Prefix: "dir/e"})
	require.Empty(t, names)
	require.Equal(t, 1, skipped, "the circle, by another way")
}

func TestLinksAsked(t *testing.T) {
	dir := linked(t)
	s := open(t, dir)
	for _, key := range []string{"file", "chain", "dir/f", "d/up", "here/d/f"} {
		a := stat(t, s, key)
		require.EqualValues(t, len("content"), a.Size, key)
		require.Equal(t, stat(t, s, "d/f").Version, a.Version, key)
		p := make([]byte, 7)
		_, err := s.ReadAt(t.Context(), key, a.Version, p, 0)
		require.NoError(t, err)
		require.Equal(t, "content", string(p))
	}
	for _, key := range []string{"dangling", "out", "outfile", "out/secret", "dotdot", "self", "pipe"} {
		_, err := s.Stat(t.Context(), key)
		require.ErrorIs(t, err, driver.ErrNotExist, key)
		_, _, err = s.Open(t.Context(), key, 0, -1, "")
		require.ErrorIs(t, err, driver.ErrNotExist, key)
		require.NotContains(t, err.Error(), "unavailable")
	}
	for _, key := range []string{"../x", "d/../f", "d//f", "./f", "/d", "d/", "a\x00b"} {
		_, err := s.Stat(t.Context(), key)
		require.ErrorIs(t, err, driver.ErrInvalid, "%q", key)
	}
}

// TestLinksWritten: a write goes to the name, not to where it points.
func TestLinksWritten(t *testing.T) {
	dir := linked(t)
	s := open(t, dir)
	for _, key := range []string{"outfile", "file", "dangling"} {
		create(t, s, key, "mine", ufs.CreateOptions{})
		require.Empty(t, stat(t, s, key).Link)
	}
	require.EqualValues(t, len("content"), stat(t, s, "d/f").Size, "what the link pointed to")
	w, err := s.Create(t.Context(), "out/new", ufs.CreateOptions{Parents: true})
	require.ErrorIs(t, err, driver.ErrNotExist)
	require.Nil(t, w)
	require.NoError(t, s.Delete(t.Context(), "dir"), "the link")
	require.EqualValues(t, len("content"), stat(t, s, "d/f").Size)
}
