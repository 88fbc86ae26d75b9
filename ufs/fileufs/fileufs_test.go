package fileufs_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/fileufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

func TestURLs(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	for _, u := range []string{"file://" + dir, "file://" + dir + "/", "file://localhost" + dir + "/./"} {
		s, err := ufs.Open(t.Context(), u, nil)
		require.NoError(t, err)
		require.Equal(t, "file://"+dir, s.ID(), "one place has one name")
		require.Equal(t, filepath.FromSlash(dir), s.LocalDir())
		require.Equal(t, s.LocalDir(), ufs.LocalDir(u))
		require.NoError(t, s.Close())
	}
	refused := map[string]string{
		"file://host" + dir:                 "a host that is not this one; want file:///dir",
		"file://me:12/hunter2@host" + dir:   "a host that is not this one",
		"file:relative":                     "no absolute path",
		"file://" + dir + "?a=b":            "unknown option",
		"file://" + dir + "?token=hunter2":  "name credentials by reference",
		"file://me:hunter2@localhost" + dir: "a password before the host",
	}
	ufstest.RefusedURLs(t, refused)
	for u := range refused {
		require.Empty(t, ufs.LocalDir(u))
	}
	missing := "file://" + dir + "/miss%20ing"
	require.Equal(t, filepath.Join(filepath.FromSlash(dir), "miss ing"), ufs.LocalDir(missing), "where it would be")
	_, err := ufs.Open(t.Context(), missing, nil)
	require.ErrorContains(t, err, "has to be made first")
	require.ErrorIs(t, err, driver.ErrNotExist)
	_, err = fileufs.Open(filepath.Join(dir, "missing"), nil)
	require.ErrorIs(t, err, driver.ErrNotExist)
}

func TestOwners(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, filepath.Join(dir, "f"), "", 0)
	a := stat(t, s, "f")
	if runtime.GOOS == "windows" {
		require.Empty(t, a.Owner+a.Group)
		return
	}
	require.NotEmpty(t, a.Owner)
	require.NotEmpty(t, a.Group)
	_, err := s.SetOwner(t.Context(), "f", "no such user", "")
	require.ErrorIs(t, err, driver.ErrInvalid)
	require.ErrorContains(t, err, "no such user")
	if os.Getuid() != 0 {
		_, err := s.SetOwner(t.Context(), "f", "0", "")
		require.ErrorIs(t, err, driver.ErrPermission)
		return
	}
	a, err = s.SetOwner(t.Context(), "f", "12345", "")
	require.NoError(t, err)
	require.Equal(t, "12345", a.Owner, "an id that has no name")
	require.Equal(t, "root", a.Group)
	a, err = s.SetOwner(t.Context(), "f", "root", "54321")
	require.NoError(t, err)
	require.Equal(t, []string{"root", "54321"}, []string{a.Owner, a.Group})
}
