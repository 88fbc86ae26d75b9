//go:build unix

package fileufs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/fileufs"
)

// TestPlaceRemoved: a place that somebody removed is a store that is down, not files that are gone, and it is back when the
// directory is.
func TestPlaceRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "place")
	require.NoError(t, os.Mkdir(dir, 0o755))
	s, err := fileufs.Open(dir, &fileufs.Options{UFS: &ufs.Options{Attempts: 1, DisableBreaker: true}})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), []byte("bytes"), 0o644))
	_, err = s.Stat(t.Context(), "f")
	require.NoError(t, err)
	_, err = s.Stat(t.Context(), "missing")
	require.ErrorIs(t, err, driver.ErrNotExist)

	require.NoError(t, os.RemoveAll(dir))
	_, err = s.Stat(t.Context(), "f")
	require.ErrorIs(t, err, driver.ErrUnavailable)
	require.NotErrorIs(t, err, driver.ErrNotExist)
	_, err = s.ListPage(t.Context(), ufs.ListOptions{})
	require.ErrorIs(t, err, driver.ErrUnavailable)
	_, _, err = s.Open(t.Context(), "f", 0, 1, "")
	require.ErrorIs(t, err, driver.ErrUnavailable)

	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), []byte("bytes"), 0o644))
	_, _ = s.Stat(t.Context(), "f") // finds out
	_, err = s.Stat(t.Context(), "f")
	require.NoError(t, err)
}
