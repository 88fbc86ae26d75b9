package gcsufs_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/gcsufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

// write makes a file.
func write(t testing.TB, s *ufs.Store, key string, data []byte, o ufs.CreateOptions) (ufs.Attr, error) {
	w, err := s.Create(t.Context(), key, o)
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	return w.Commit(t.Context())
}

func read(t testing.TB, s *ufs.Store, key string) []byte {
	t.Helper()
	rc, _, err := s.Open(t.Context(), key, 0, -1, "")
	require.NoError(t, err)
	defer rc.Close()
	b, err := io.ReadAll(rc)
	require.NoError(t, err)
	return b
}

// TestServerResumable: an upload of several parts commits as one, and the condition of absence holds for it, too.
func TestServerResumable(t *testing.T) {
	s := connect(t)
	st := s.open(t, "p", s.options())
	data := bytes.Repeat([]byte("TestBytes"), part/2) // 4.5 parts
	a, err := write(t, st, "f", data, ufs.CreateOptions{IfAbsent: true})
	require.NoError(t, err)
	is, err := st.Stat(t.Context(), "f")
	require.NoError(t, err)
	require.Equal(t, is, a)
	require.True(t, bytes.Equal(data, read(t, st, "f")))
	for _, size := range []int{1, 3 * part} {
		_, err = write(t, st, "f", make([]byte, size), ufs.CreateOptions{IfAbsent: true})
		require.ErrorIs(t, err, driver.ErrExist)
	}
	require.True(t, bytes.Equal(data, read(t, st, "f")))
}

// TestServerCancelledUpload: nothing shows of an upload whose context ends between parts, before Commit or as it begins.
func TestServerCancelledUpload(t *testing.T) {
	s := connect(t)
	st := s.open(t, "p", s.options())
	for _, size := range []int{1, 3*part + 1} {
		ctx, cancel := context.WithCancel(t.Context())
		w, err := st.Create(ctx, "f", ufs.CreateOptions{})
		require.NoError(t, err)
		_, err = w.Write(make([]byte, size))
		require.NoError(t, err)
		cancel()
		_, err = w.Commit(t.Context())
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, isUnknown(err), "nothing was sent that could publish")
		_, err = st.Stat(t.Context(), "f")
		require.ErrorIs(t, err, driver.ErrNotExist)
	}
}

func TestServerCopy(t *testing.T) {
	s := connect(t)
	d := s.driver(t, "p")
	s.put(t, "p/from", bytes.Repeat([]byte("x"), 3*part))
	a, err := d.Stat(t.Context(), "from")
	require.NoError(t, err)
	c := d.(driver.Copier)
	got, err := c.Copy(t.Context(), "from", "dir/to", a.Version)
	require.NoError(t, err)
	to, err := d.Stat(t.Context(), "dir/to")
	require.NoError(t, err)
	require.Equal(t, to, got)
	require.EqualValues(t, 3*part, to.Size)
	_, err = c.Copy(t.Context(), "gone", "dir/to", "")
	require.ErrorIs(t, err, driver.ErrNotExist)
	_, err = c.Copy(t.Context(), "gone", "dir/to", a.Version)
	require.ErrorIs(t, err, driver.ErrChanged)
}

// TestServerGzip reads what was stored as gzip as it was stored, whole and in ranges: its size is that of Stat.
func TestServerGzip(t *testing.T) {
	s := connect(t)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write(bytes.Repeat([]byte("TestBytes"), 1000))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	w := s.h.Object("p/f").NewWriter(t.Context())
	w.ContentEncoding = "gzip"
	_, err = w.Write(packed.Bytes())
	require.NoError(t, err)
	require.NoError(t, w.Close())
	o := s.options()
	for _, o.XMLReads = range []bool{false, true} {
		st := s.open(t, "p", o)
		require.Equal(t, packed.Bytes(), read(t, st, "f"))
		b := make([]byte, 20)
		_, err = st.ReadAt(t.Context(), "f", "", b, 7)
		require.NoError(t, err)
		require.Equal(t, packed.Bytes()[7:27], b)
	}
}

// watcher counts what goes to the service, and remembers the last request.
type watcher struct {
	http.RoundTripper
	mu struct {
		sync.Mutex
		n    map[string]int
		last *http.Request
	}
}

func (c *watcher) RoundTrip(r *http.Request) (*http.Response, error) {
	kind := r.Method
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Get("alt") == "media":
		kind = "MEDIA"
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/o"):
		kind = "LIST"
	}
	c.mu.Lock()
	c.mu.n[kind]++
	c.mu.last = r
	c.mu.Unlock()
	return c.RoundTripper.RoundTrip(r)
}

// since is what was counted since the last call, and the last request.
func (c *watcher) since() (map[string]int, *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := maps.Clone(c.mu.n)
	clear(c.mu.n)
	return was, c.mu.last
}

// TestServerRequests asserts the table of the package's description, and the conditions, which the server ignores.
func TestServerRequests(t *testing.T) {
	s := connect(t)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	c := &watcher{RoundTripper: transport}
	c.mu.n = map[string]int{}
	o := gcsufs.Options{Endpoint: s.endpoint, PartSize: part, Client: &http.Client{Transport: c}}
	st := s.open(t, "p", o)
	asked := func(want map[string]int, what string) *http.Request {
		t.Helper()
		n, last := c.since()
		require.Equal(t, want, n, what)
		return last
	}
	asked(map[string]int{}, "opening the place")
	a, err := write(t, st, "small", []byte("x"), ufs.CreateOptions{})
	require.NoError(t, err)
	asked(map[string]int{"POST": 1}, "a file of one part")
	_, err = write(t, st, "large", make([]byte, 3*part-1), ufs.CreateOptions{IfAbsent: true})
	require.NoError(t, err)
	n, _ := c.since()
	require.Equal(t, 4, n["POST"]+n["PUT"], "the session and three parts: %v", n)
	_, err = st.Stat(t.Context(), "large")
	require.NoError(t, err)
	asked(map[string]int{"GET": 1}, "Stat")
	_, err = st.ReadAt(t.Context(), "small", a.Version, make([]byte, 1), 0)
	require.NoError(t, err)
	r := asked(map[string]int{"MEDIA": 1}, "a range")
	require.Equal(t, a.Version, r.URL.Query().Get("ifGenerationMatch"))

	for _, key := range []string{"a", "b", "c", "d", "e"} {
		s.put(t, "p/dir/"+key, nil)
	}
	for _, limit := range []int{0, 2} {
		require.Equal(t, []string{"dir/a", "dir/b", "dir/c", "dir/d", "dir/e"}, keys(t, st, ufs.ListOptions{Prefix: "dir", Limit: limit}))
	}
	asked(map[string]int{"LIST": 1 + 3}, "5 names in a page, and in pages of 2")
	require.NoError(t, st.Delete(t.Context(), "small"))
	asked(map[string]int{"GET": 1, "DELETE": 1}, "Delete")

	d, _, err := gcsufs.OpenDriver(t.Context(), s.name, "p", o)
	require.NoError(t, err)
	_, err = d.(driver.Copier).Copy(t.Context(), "large", "copy", "7")
	require.NoError(t, err)
	r = asked(map[string]int{"POST": 1}, "Copy")
	require.Equal(t, "7", r.URL.Query().Get("ifSourceGenerationMatch"))
	_, _, err = d.Open(t.Context(), "large", 0, -1, "no generation")
	require.ErrorIs(t, err, driver.ErrChanged)
	asked(map[string]int{}, "a version of another store")
}

func keys(t testing.TB, s *ufs.Store, o ufs.ListOptions) (all []string) {
	t.Helper()
	for a, err := range s.List(t.Context(), o) {
		require.NoError(t, err)
		all = append(all, a.Key)
	}
	return slices.Clip(all)
}

// TestServerChecksum: an answer with a whole object in it has its CRC32C.
func TestServerChecksum(t *testing.T) { ufstest.Checksum(t, connect(t).driver(t, "p")) }

// TestServerRename: the service copies, and then the old name is deleted. No byte passes through here.
func TestServerRename(t *testing.T) {
	s := connect(t)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	c := &watcher{RoundTripper: transport}
	c.mu.n = map[string]int{}
	st := s.open(t, "p", gcsufs.Options{Endpoint: s.endpoint, PartSize: part, Client: &http.Client{Transport: c}})
	data := bytes.Repeat([]byte("TestBytes"), part)
	s.put(t, "p/from", data)
	s.put(t, "p/taken", []byte("old"))
	for _, to := range []string{"to", "taken"} {
		was, err := st.Stat(t.Context(), "from")
		require.NoError(t, err)
		c.since()
		a, err := st.Rename(t.Context(), "from", to, true)
		require.NoError(t, err)
		require.Equal(t, was.Version, a.Was)
		n, _ := c.since()
		require.Equal(t, 1, n["POST"], "the copy: %v", n)
		require.Equal(t, 1, n["DELETE"], "%v", n)
		require.Zero(t, n["MEDIA"]+n["PUT"], "bytes: %v", n)
		require.True(t, bytes.Equal(data, read(t, st, to)))
		_, err = st.Stat(t.Context(), "from")
		require.ErrorIs(t, err, driver.ErrNotExist)
		s.put(t, "p/from", data)
	}
}
