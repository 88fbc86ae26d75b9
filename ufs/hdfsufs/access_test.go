package hdfsufs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/hdfsufs"
)

// TestServerNoPermission: what a stranger may not do is ErrPermission, and nothing else.
func TestServerNoPermission(t *testing.T) {
	v := realServer(t)
	dir := v.place(t)
	v.put(t, dir+"/closed/f", []byte("bytes"))
	v.put(t, dir+"/seen/f", []byte("bytes"))
	v.put(t, dir+"/seen/open", []byte("bytes"))
	require.NoError(t, v.client.Chmod(dir+"/closed", 0o700))
	require.NoError(t, v.client.Chmod(dir+"/seen", 0o711))
	require.NoError(t, v.client.Chmod(dir+"/seen/f", 0o600))
	s := v.open(t, dir, v.as(t, "stranger", hdfsufs.Options{}))
	ctx := t.Context()
	for what, try := range map[string]func() error{
		"stat":     func() error { _, err := s.Stat(ctx, "closed/f"); return err },
		"list":     func() error { _, err := s.ListPage(ctx, ufs.ListOptions{Prefix: "closed"}); return err },
		"list_x":   func() error { _, err := s.ListPage(ctx, ufs.ListOptions{Prefix: "seen"}); return err },
		"open":     func() error { _, _, err := s.Open(ctx, "seen/f", 0, -1, ""); return err },
		"create":   func() error { _, err := s.Create(ctx, "seen/new", ufs.CreateOptions{}); return err },
		"delete":   func() error { return s.Delete(ctx, "seen/f") },
		"rename":   func() error { _, err := s.Rename(ctx, "seen/f", "f", false); return err },
		"mkdir":    func() error { return s.Mkdir(ctx, "seen/new", false, 0o755) },
		"setmode":  func() error { _, err := s.SetMode(ctx, "seen/open", 0o777); return err },
		"setowner": func() error { _, err := s.SetOwner(ctx, "seen/open", "stranger", ""); return err },
	} {
		err := try()
		require.ErrorIs(t, err, driver.ErrPermission, what)
		require.NotErrorIs(t, err, driver.ErrNotExist, what)
	}
	b := make([]byte, 5)
	_, err := s.ReadAt(ctx, "seen/open", "", b, 0)
	require.NoError(t, err, "may read what it may not list")
	require.Equal(t, "bytes", string(b))
	require.Zero(t, v.temps(t, dir))
}

// TestServerModeAndOwner: they are the store's, and no part of a version.
func TestServerModeAndOwner(t *testing.T) {
	v := realServer(t)
	s := v.open(t, v.place(t), hdfsufs.Options{})
	w, err := s.Create(t.Context(), "f", ufs.CreateOptions{Mode: 0o640})
	require.NoError(t, err)
	made, err := w.Commit(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 0o640, made.Mode)

	a, err := s.SetMode(t.Context(), "f", 0o604)
	require.NoError(t, err)
	require.EqualValues(t, 0o604, a.Mode)
	require.True(t, a.Is(made.Version))

	a, err = s.SetOwner(t.Context(), "f", "miller", "")
	require.NoError(t, err)
	require.Equal(t, []string{"miller", made.Group}, []string{a.Owner, a.Group}, "the group is left")
	a, err = s.SetOwner(t.Context(), "f", "", "mill")
	require.NoError(t, err)
	require.Equal(t, []string{"miller", "mill"}, []string{a.Owner, a.Group}, "the owner is left")
	require.True(t, a.Is(made.Version))

	require.NoError(t, s.Mkdir(t.Context(), "d", false, 0o750))
	d, err := s.Stat(t.Context(), "d")
	require.NoError(t, err)
	require.EqualValues(t, 0o750, d.Mode)
	a, err = s.Rename(t.Context(), "f", "d/f", false)
	require.NoError(t, err)
	require.True(t, a.Is(made.Version), "nor is the name")
	require.Equal(t, made.Version, a.Was)
}
