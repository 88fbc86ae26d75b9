package s3ufs_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/s3ufs"
)

// untagged is a store in memory that has one object, tells no ETags and takes no conditions.
type untagged struct {
	mu      sync.Mutex
	data    string
	at      time.Time
	n       requests
	changes bool // between the parts of a copy
}

func (s *untagged) RoundTrip(r *http.Request) (*http.Response, error) {
	kind := faultproxy.S3(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n[kind]++
	for h := range r.Header {
		if strings.Contains(strings.ToLower(h), "if-match") {
			return nil, fmt.Errorf("%s %s", h, r.Header.Get(h))
		}
	}
	h := http.Header{"Last-Modified": {s.at.UTC().Format(http.TimeFormat)}}
	status, body, length := http.StatusOK, "", int64(0)
	switch kind {
	case "head":
		length = int64(len(s.data))
		h.Set("Content-Length", fmt.Sprint(length))
	case "get":
		var from, to int
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); err != nil {
			return nil, err
		}
		status, body = http.StatusPartialContent, s.data[from:to+1]
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(s.data)))
	case "list":
		body = fmt.Sprintf(`<ListBucketResult><Contents><Key>p/f</Key><Size>%d</Size><LastModified>%s</LastModified></Contents></ListBucketResult>`, len(s.data), s.at.UTC().Format(time.RFC3339))
	case "put":
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		s.data, s.at = string(b), s.at.Add(time.Minute)
	case "copy":
		body = `<CopyObjectResult></CopyObjectResult>`
	case "begin":
		body = `<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>`
	case "copypart":
		if s.changes {
			s.at = s.at.Add(time.Minute)
		}
		body = `<CopyPartResult><ETag>"1"</ETag></CopyPartResult>`
	case "complete":
		body = `<CompleteMultipartUploadResult><ETag>"1"</ETag></CompleteMultipartUploadResult>`
	}
	if body != "" {
		length = int64(len(body))
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: length, Request: r}, nil
}

func (s *untagged) open(t *testing.T, o s3ufs.Options) *ufs.Store {
	s.n, s.at = requests{}, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	o.Anonymous, o.HTTPClient, o.Endpoint, o.UFS = true, &http.Client{Transport: s}, "http://127.0.0.1:1", &ufs.Options{DisableHedge: true, Attempts: 1}
	st, err := s3ufs.Open(t.Context(), "box", "p", &o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	return st
}

// TestUntagged: what a store tells no ETag of has its length and time for a version, the same however it is asked for, and that is a condition.
func TestUntagged(t *testing.T) {
	s := &untagged{data: "content"}
	st := s.open(t, s3ufs.Options{})
	a, err := st.Stat(t.Context(), "f")
	require.NoError(t, err)
	require.NotEmpty(t, a.Version)
	page, err := st.ListPage(t.Context(), ufs.ListOptions{})
	require.NoError(t, err)
	require.Equal(t, a.Version, page.Entries[0].Version)
	get := func() (string, error) {
		p := make([]byte, 3)
		_, err := st.ReadAt(t.Context(), "f", a.Version, p, 2)
		return string(p), err
	}
	got, err := get()
	require.NoError(t, err)
	require.Equal(t, "nte", got)
	copied, err := st.Copy(t.Context(), "f", "g", a.Version)
	require.NoError(t, err)
	require.Equal(t, a.Version, copied.Version, "that of what is there now")
	put := func(content string) (ufs.Attr, error) {
		w, err := st.Create(t.Context(), "f", ufs.CreateOptions{IfVersion: a.Version})
		require.NoError(t, err)
		_, err = io.WriteString(w, content)
		require.NoError(t, err)
		return w.Commit(t.Context())
	}
	_, err = put("replaced")
	require.NoError(t, err)
	_, err = put("again")
	require.ErrorIs(t, err, driver.ErrChanged)
	require.Equal(t, "replaced", s.data)
	_, err = get()
	require.ErrorIs(t, err, driver.ErrChanged)
}

// TestUntaggedCopyByParts: parts of two objects are none.
func TestUntaggedCopyByParts(t *testing.T) {
	for name, changes := range map[string]bool{"changes": true, "stays": false} {
		t.Run(name, func(t *testing.T) {
			s := &untagged{data: strings.Repeat("x", 6<<20), changes: changes}
			st := s.open(t, s3ufs.Options{CopyWhole: 5 << 20})
			_, err := st.Copy(t.Context(), "f", "g", "")
			if changes {
				require.ErrorIs(t, err, driver.ErrChanged)
				require.Zero(t, s.n["complete"])
				require.Equal(t, 1, s.n["abort"])
				return
			}
			require.NoError(t, err)
		})
	}
}

// TestServerFilesOfOthers: versitygw tells no ETag of what was put into its directory past it.
func TestServerFilesOfOthers(t *testing.T) {
	notAtOld(t, "s3api's objects cannot be made from outside")
	v, n := mounted(t)
	place := filepath.Join(os.Getenv("MILLPOND_S3_DATA"), v.bucket, v.prefix)
	require.NoError(t, os.MkdirAll(filepath.Join(place, "d"), 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(place)) })
	write := func(content string) {
		require.NoError(t, os.WriteFile(filepath.Join(place, "d/f"), []byte(content), 0o644))
	}
	write("as it was")
	require.Equal(t, "as it was", string(read(t, n, "/in/d/f")))
	write("and as it is now")
	_, err := n.Stat(t.Context(), "/in/d/f", &cachefs.StatOptions{Sync: true})
	require.NoError(t, err)
	require.Equal(t, "and as it is now", string(read(t, n, "/in/d/f")))
	require.NoError(t, n.Rename(t.Context(), "/in/d/f", "/in/d/g", nil))
	require.NoError(t, n.Free(t.Context(), "/in/d/g", nil))
	require.Equal(t, "and as it is now", string(read(t, n, "/in/d/g")))
	require.NoError(t, n.Remove(t.Context(), "/in/d/g", nil))
	_, err = os.Stat(filepath.Join(place, "d/g"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
