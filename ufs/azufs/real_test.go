package azufs_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/ufstest"
)

// These want the server: what azurite does that a hand-written answer would only repeat.

const (
	mib      = 1 << 20 // of a block in these tests
	patience = 10 * time.Second
)

// write makes a file.
func write(t testing.TB, s *ufs.Store, key string, data []byte, o ufs.CreateOptions) error {
	w, err := s.Create(t.Context(), key, o)
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	_, err = w.Commit(t.Context())
	return err
}

func read(t testing.TB, s *ufs.Store, key string) []byte {
	t.Helper()
	a, err := s.Stat(t.Context(), key)
	require.NoError(t, err)
	b := make([]byte, a.Size+1)
	n, _ := s.ReadAt(t.Context(), key, a.Version, b, 0)
	return b[:n]
}

// TestServerCondition: the service itself refuses to read another version.
func TestServerCondition(t *testing.T) {
	s := connect(t)
	d := s.driver(t, "p")
	s.put(t, "p/f", []byte("old"), nil)
	a, err := d.Stat(t.Context(), "f")
	require.NoError(t, err)
	s.put(t, "p/f", []byte("new"), nil)
	for _, n := range []int64{-1, 1} {
		_, _, err = d.Open(t.Context(), "f", 0, n, a.Version)
		require.ErrorIs(t, err, driver.ErrChanged)
	}
}

// TestServerBlocksCommit: what Commit says of blocks is what a look says.
func TestServerBlocksCommit(t *testing.T) {
	s := connect(t)
	st := s.open(t, "p")
	w, err := st.Create(t.Context(), "f", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write(make([]byte, 2*mib+7))
	require.NoError(t, err)
	a, err := w.Commit(t.Context())
	require.NoError(t, err)
	is, err := st.Stat(t.Context(), "f")
	require.NoError(t, err)
	require.Equal(t, is, a)
}

// TestServerBlocksIfAbsent: the condition holds for a list of blocks as for a whole.
func TestServerBlocksIfAbsent(t *testing.T) {
	s := connect(t)
	st := s.open(t, "p")
	require.NoError(t, write(t, st, "f", bytes.Repeat([]byte("a"), 3*mib), ufs.CreateOptions{IfAbsent: true}))
	err := write(t, st, "f", bytes.Repeat([]byte("b"), 3*mib), ufs.CreateOptions{IfAbsent: true})
	require.ErrorIs(t, err, driver.ErrExist)
	require.Equal(t, bytes.Repeat([]byte("a"), 3*mib), read(t, st, "f"))
}

// TestServerAbortedOverwrite: the old file stays as it is, its version too.
func TestServerAbortedOverwrite(t *testing.T) {
	s := connect(t)
	st := s.open(t, "p")
	require.NoError(t, write(t, st, "f", []byte("old"), ufs.CreateOptions{}))
	was, err := st.Stat(t.Context(), "f")
	require.NoError(t, err)
	w, err := st.Create(t.Context(), "f", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write(make([]byte, 3*mib))
	require.NoError(t, err)
	require.NoError(t, w.Abort(t.Context()))
	is, err := st.Stat(t.Context(), "f")
	require.NoError(t, err)
	require.Equal(t, was, is)
	require.Equal(t, "old", string(read(t, st, "f")))
}

// TestServerCancelledBlocks: the blocks that were sent go although the caller's context has ended.
func TestServerCancelledBlocks(t *testing.T) {
	s := connect(t)
	st := s.open(t, "p")
	ctx, cancel := context.WithCancel(t.Context())
	w, err := st.Create(ctx, "f", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write(make([]byte, 5*mib))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.leftovers(t, "p/") == 1 }, patience, patience/1000, "a block arrives")
	cancel()
	require.NoError(t, w.Abort(ctx))
	require.Zero(t, s.leftovers(t, "p/"))
	_, err = st.Stat(t.Context(), "f")
	require.ErrorIs(t, err, driver.ErrNotExist)
}

// TestServerTwoUploadsByBlocks: uncommitted blocks belong to the name. One upload wins whole, the other fails and says why.
func TestServerTwoUploadsByBlocks(t *testing.T) {
	s := connect(t)
	st := s.open(t, "p")
	var ws [2]*ufs.Writer
	for i := range ws {
		w, err := st.Create(t.Context(), "f", ufs.CreateOptions{})
		require.NoError(t, err)
		_, err = w.Write(bytes.Repeat([]byte{byte('a' + i)}, 3*mib))
		require.NoError(t, err)
		ws[i] = w
	}
	_, err := ws[1].Commit(t.Context())
	require.NoError(t, err)
	_, err = ws[0].Commit(t.Context())
	if err == nil {
		require.Equal(t, bytes.Repeat([]byte("a"), 3*mib), read(t, st, "f"))
		return
	}
	require.ErrorContains(t, err, "another upload of this name was committed or aborted meanwhile")
	require.Equal(t, bytes.Repeat([]byte("b"), 3*mib), read(t, st, "f"))
}

func TestServerCopy(t *testing.T) {
	s := connect(t)
	d := s.driver(t, "p")
	s.put(t, "p/from", bytes.Repeat([]byte("x"), 3*mib), nil)
	a, err := d.Stat(t.Context(), "from")
	require.NoError(t, err)
	c := d.(driver.Copier)
	got, err := c.Copy(t.Context(), "from", "dir/to", a.Version)
	require.NoError(t, err)
	to, err := d.Stat(t.Context(), "dir/to")
	require.NoError(t, err)
	require.Equal(t, to, got)
	require.EqualValues(t, 3*mib, to.Size)

	s.put(t, "p/from", []byte("new"), nil)
	_, err = c.Copy(t.Context(), "from", "dir/to", a.Version)
	require.ErrorIs(t, err, driver.ErrChanged)
	_, err = c.Copy(t.Context(), "gone", "dir/to", "")
	require.ErrorIs(t, err, driver.ErrNotExist)
	still, err := d.Stat(t.Context(), "dir/to")
	require.NoError(t, err)
	require.Equal(t, to, still)
}

// TestServerFolderMarkers lists what Hadoop's drivers write into a flat container.
func TestServerFolderMarkers(t *testing.T) {
	s := connect(t)
	st := s.open(t, "p")
	marker := map[string]*string{"hdi_isfolder": new("true")}
	for _, dir := range []string{"p/empty", "p/full", "p/full/deep"} {
		s.put(t, dir, nil, marker)
	}
	s.put(t, "p/full/f", []byte("x"), nil)
	require.Equal(t, map[string]bool{"empty": true, "full": true}, keys(t, st, ufs.ListOptions{}))
	require.Equal(t, map[string]bool{"full/deep": true, "full/f": false}, keys(t, st, ufs.ListOptions{Prefix: "full"}))
	_, err := st.Stat(t.Context(), "full/f")
	require.NoError(t, err)
	a, err := st.Stat(t.Context(), "full")
	require.NoError(t, err)
	require.True(t, a.Dir)
	_, _, err = st.Open(t.Context(), "full", 0, -1, "")
	require.ErrorIs(t, err, driver.ErrIsDir)
}

// TestServerStartAfterOverPages begins in the fourth page of ten names, and stays exact.
func TestServerStartAfterOverPages(t *testing.T) {
	s := connect(t)
	st := s.open(t, "p")
	for i := range 40 {
		s.put(t, fmt.Sprintf("p/n%02d", i), nil, nil)
	}
	page, err := st.ListPage(t.Context(), ufs.ListOptions{StartAfter: "n33", Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Entries, 6)
	require.Equal(t, "n34", page.Entries[0].Key)
	require.Empty(t, page.Token)
}

// TestServerBackslash: a key's is not a directory, and comes back as it was.
func TestServerBackslash(t *testing.T) {
	s := connect(t)
	st := s.open(t, "p")
	require.NoError(t, write(t, st, `a\b`, []byte("x"), ufs.CreateOptions{}))
	require.Equal(t, map[string]bool{`a\b`: false}, keys(t, st, ufs.ListOptions{}))
	s.put(t, "p/c\uFF3Cd", []byte("rclone's"), nil)
	require.Equal(t, "rclone's", string(read(t, st, `c\d`)))
	_, err := st.Create(t.Context(), "e\uFF3Cf", ufs.CreateOptions{})
	require.ErrorIs(t, err, driver.ErrInvalid)
}

// TestServerChecksum: a blob that was put at once has its MD5.
func TestServerChecksum(t *testing.T) { ufstest.Checksum(t, connect(t).driver(t, "p")) }

// TestServerDeleteVersion: the service itself deletes nothing but the version.
func TestServerDeleteVersion(t *testing.T) {
	s := connect(t)
	d := s.driver(t, "p")
	of := d.(driver.VersionDeleter)
	require.True(t, d.Caps().DeleteVersion)
	s.put(t, "p/f", []byte("old"), nil)
	old, err := d.Stat(t.Context(), "f")
	require.NoError(t, err)
	s.put(t, "p/f", []byte("new"), nil)
	require.ErrorIs(t, of.DeleteVersion(t.Context(), "f", old.Version), driver.ErrChanged)
	now, err := d.Stat(t.Context(), "f")
	require.NoError(t, err)
	require.NoError(t, of.DeleteVersion(t.Context(), "f", now.Version))
	require.ErrorIs(t, of.DeleteVersion(t.Context(), "f", now.Version), driver.ErrNotExist)
}
