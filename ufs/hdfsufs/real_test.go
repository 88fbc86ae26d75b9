package hdfsufs_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/hdfsufs"
)

// oldTemp makes a temporary file as a writer leaves it that died an hour ago, and closes it unless it still writes.
func (v *server) oldTemp(t *testing.T, name string, writes bool) {
	t.Helper()
	f, err := v.client.Create(name)
	require.NoError(t, err)
	if !writes {
		require.NoError(t, f.Close())
	}
	then := time.Now().Add(-time.Hour)
	require.NoError(t, v.client.Chtimes(name, then, then))
}

// TestServerSweep: a listing removes the temporary files that nobody writes any more, and no other.
func TestServerSweep(t *testing.T) {
	v := realServer(t)
	dir := v.place(t)
	s := v.open(t, dir, hdfsufs.Options{})
	const dead, writing, named = "/.millpond-tmp-0123456789abcdef", "/.millpond-tmp-0123456789abcdee", "/.millpond-tmp-mine"
	v.oldTemp(t, dir+dead, false)
	v.oldTemp(t, dir+writing, true)
	v.oldTemp(t, dir+named, false)
	v.put(t, dir+"/.millpond-tmp-0123456789abcded", nil) // young
	p, err := s.ListPage(t.Context(), ufs.ListOptions{})
	require.NoError(t, err)
	require.Len(t, p.Entries, 1)
	require.Equal(t, named[1:], p.Entries[0].Key)
	require.Zero(t, p.Skipped)
	_, err = v.client.Stat(dir + dead)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, 3, v.temps(t, dir), "one is written, one is young, one is somebody's")
}

// TestServerTempsKeepNoDirectory: what no listing shows does not keep a directory.
func TestServerTempsKeepNoDirectory(t *testing.T) {
	v := realServer(t)
	dir := v.place(t)
	s := v.open(t, dir, hdfsufs.Options{})
	require.NoError(t, s.Mkdir(t.Context(), "d", false, 0o755))
	w, err := s.Create(t.Context(), "d/f", ufs.CreateOptions{})
	require.NoError(t, err)
	require.NoError(t, s.Delete(t.Context(), "d"))
	_, err = w.Write([]byte("nowhere to go"))
	if err == nil {
		_, err = w.Commit(t.Context())
	}
	require.Error(t, err)
	require.NoError(t, w.Abort(t.Context()))
	_, err = s.Stat(t.Context(), "d")
	require.ErrorIs(t, err, driver.ErrNotExist)
}

// TestServerBlockEdges: files that end at a block's end, before and after it; writes of no bytes; blocks of several writes.
func TestServerBlockEdges(t *testing.T) {
	v := realServer(t)
	s := v.open(t, v.place(t), hdfsufs.Options{BlockSize: 4096, Replication: 1})
	for _, size := range []int{0, 1, 511, 512, 513, 4095, 4096, 4097, 8191, 8192} {
		want := pattern(size)
		w, err := s.Create(t.Context(), "f", ufs.CreateOptions{})
		require.NoError(t, err)
		for rest := want; ; {
			n, err := w.Write(rest[:min(1000, len(rest))]) // none at the end
			require.NoError(t, err)
			if n == 0 {
				break
			}
			rest = rest[n:]
		}
		a, err := w.Commit(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, size, a.Size)
		for _, off := range []int{0, size / 3, max(0, size-1)} {
			got := make([]byte, size-off)
			n, _ := s.ReadAt(t.Context(), "f", a.Version, got, int64(off))
			require.Equal(t, want[off:], got[:n], "%d bytes from %d", size, off)
		}
	}
}

// TestServerAppended: a file that others append to has another version, and reads as long as it was said to be.
func TestServerAppended(t *testing.T) {
	v := realServer(t)
	dir := v.place(t)
	s := v.open(t, dir, hdfsufs.Options{})
	v.put(t, dir+"/f", []byte("first"))
	before, err := s.Stat(t.Context(), "f")
	require.NoError(t, err)
	f, err := v.client.Append(dir + "/f")
	require.NoError(t, err)
	_, err = f.Write([]byte(" and more"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return f.Close() == nil }, 20*time.Second, 10*time.Millisecond)
	_, err = s.ReadAt(t.Context(), "f", before.Version, make([]byte, 5), 0)
	require.ErrorIs(t, err, driver.ErrChanged)
	after, err := s.Stat(t.Context(), "f")
	require.NoError(t, err)
	require.False(t, after.Is(before.Version))
	require.EqualValues(t, 14, after.Size)
}

// TestServerKeysRefused: names that HDFS has not, and those of temporary files.
func TestServerKeysRefused(t *testing.T) {
	v := realServer(t)
	s := v.open(t, v.place(t), hdfsufs.Options{})
	for _, key := range []string{"a:b", "a/../b", "\xff", ".millpond-tmp-0123456789abcdef"} {
		_, err := s.Create(t.Context(), key, ufs.CreateOptions{})
		require.ErrorIs(t, err, driver.ErrInvalid, "%q", key)
		_, err = s.Stat(t.Context(), key)
		require.ErrorIs(t, err, driver.ErrInvalid, "%q", key)
	}
	w, err := s.Create(t.Context(), strings.Repeat("n", 256), ufs.CreateOptions{})
	require.NoError(t, err, "only its temporary file has been made")
	_, err = w.Commit(t.Context())
	require.ErrorIs(t, err, driver.ErrInvalid, "a name of 256 bytes")
}

// TestServerOntoDirectories: what has the name of a directory is refused, and leaves both.
func TestServerOntoDirectories(t *testing.T) {
	v := realServer(t)
	dir := v.place(t)
	s := v.open(t, dir, hdfsufs.Options{})
	v.put(t, dir+"/d/inside", []byte("bytes"))
	v.put(t, dir+"/f", []byte("bytes"))
	w, err := s.Create(t.Context(), "d", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Commit(t.Context())
	require.ErrorIs(t, err, driver.ErrExist)
	_, err = s.Rename(t.Context(), "f", "d", true)
	require.ErrorIs(t, err, driver.ErrExist)
	require.NoError(t, s.Mkdir(t.Context(), "e", false, 0o755))
	_, err = s.Rename(t.Context(), "e", "d", true)
	require.ErrorIs(t, err, driver.ErrNotEmpty)
	_, err = s.Create(t.Context(), "f/below", ufs.CreateOptions{})
	require.ErrorIs(t, err, driver.ErrNotExist, "below a file")
	require.ErrorIs(t, s.Mkdir(t.Context(), "f/below", true, 0o755), driver.ErrNotExist)
	require.Zero(t, v.temps(t, dir))
	got := make([]byte, 5)
	_, err = s.ReadAt(t.Context(), "d/inside", "", got, 0)
	require.NoError(t, err)
	require.Equal(t, "bytes", string(got))
}

// TestServerSeveralNameNodes: of a URL with several the first, which is down, is passed over by calls, reads and writes.
func TestServerSeveralNameNodes(t *testing.T) {
	v := realServer(t)
	down, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, down.Close())
	s, err := ufs.Open(t.Context(), fmt.Sprintf("hdfs://%s,%s%s", down.Addr(), v.namenode, v.place(t)), nil)
	require.NoError(t, err)
	defer s.Close()
	w, err := s.Create(t.Context(), "f", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write(pattern(1000))
	require.NoError(t, err)
	a, err := w.Commit(t.Context())
	require.NoError(t, err)
	got := make([]byte, 1000)
	_, err = s.ReadAt(t.Context(), "f", a.Version, got, 0)
	require.NoError(t, err)
	require.Equal(t, pattern(1000), got)
}
