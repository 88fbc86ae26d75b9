package fileufs_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

const leftover = ".millpond-tmp-0123456789abcdef"

func temps(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, ".millpond-tmp-*"))
	require.NoError(t, err)
	return list
}

func TestLeftoversAreHiddenThenRemoved(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, filepath.Join(dir, leftover), "half", 5*time.Minute)
	put(t, filepath.Join(dir, leftover+"-not"), "a user's", time.Hour)
	list := func() []string { names, _ := listing(t, s, ufs.ListOptions{}); return names }
	require.Equal(t, []string{leftover + "-not"}, list())
	require.FileExists(t, filepath.Join(dir, leftover), "it may be of a writer between two steps")
	for _, err := range []error{
		func() error { _, err := s.Stat(t.Context(), leftover); return err }(),
		func() error { _, err := s.Create(t.Context(), leftover, ufs.CreateOptions{}); return err }(),
		s.Delete(t.Context(), leftover),
	} {
		require.ErrorIs(t, err, driver.ErrInvalid)
	}
	require.NoError(t, os.Chtimes(filepath.Join(dir, leftover), time.Now(), time.Now().Add(-11*time.Minute)))
	require.Equal(t, []string{leftover + "-not"}, list())
	require.NoFileExists(t, filepath.Join(dir, leftover))
}

// TestSlowWriterKeepsItsFile: one that lives has its temporary file locked.
func TestSlowWriterKeepsItsFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	w, err := s.Create(t.Context(), "f", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = io.WriteString(w, "content")
	require.NoError(t, err)
	temp := temps(t, dir)
	require.Len(t, temp, 1)
	require.NoError(t, os.Chtimes(temp[0], time.Now(), time.Now().Add(-time.Hour)))
	names, _ := listing(t, open(t, dir), ufs.ListOptions{})
	require.Empty(t, names)
	a, err := w.Commit(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 7, a.Size)
	require.WithinDuration(t, time.Now(), a.ModTime, time.Minute)
}

// TestLeftoversKeepNoDirectory, nor does what is no leftover go with it.
func TestLeftoversKeepNoDirectory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "d"), 0o755))
	put(t, filepath.Join(dir, "d", leftover), "half", 0)
	put(t, filepath.Join(dir, "d", "f"), "", 0)
	require.ErrorIs(t, s.Delete(t.Context(), "d"), driver.ErrNotEmpty)
	require.FileExists(t, filepath.Join(dir, "d", leftover))
	require.NoError(t, os.Remove(filepath.Join(dir, "d", "f")))
	require.NoError(t, s.Delete(t.Context(), "d"))
}

// TestParentsShowAtCommit, not before, and not at all after Abort.
func TestParentsShowAtCommit(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	w, err := s.Create(t.Context(), "a/b/f", ufs.CreateOptions{Parents: true})
	require.NoError(t, err)
	require.NoDirExists(t, filepath.Join(dir, "a"))
	require.NoError(t, w.Abort(t.Context()))
	require.Empty(t, temps(t, dir))
	require.NoDirExists(t, filepath.Join(dir, "a"))
	create(t, s, "a/b/f", "", ufs.CreateOptions{Parents: true})
	require.FileExists(t, filepath.Join(dir, "a/b/f"))
	_, err = s.Create(t.Context(), "a/b/f/g", ufs.CreateOptions{Parents: true})
	require.ErrorIs(t, err, driver.ErrNotDir)
	create(t, s, "a/b/h", "", ufs.CreateOptions{Parents: true})
	require.Empty(t, temps(t, dir))
	require.Empty(t, temps(t, filepath.Join(dir, "a/b")))
}
