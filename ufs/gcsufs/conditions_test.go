package gcsufs_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/gcsufs"
)

// checking answers conditions as Google's reference tells, for a server that ignores them (TestServerDefects): 412 where an object
// has another generation than the request names, in a parameter or, of reads of the XML API, in a header.
type checking struct {
	http.RoundTripper
	h *storage.BucketHandle
}

func (c checking) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	name := objectOf(r.URL, "/o/")
	want := q.Get("ifGenerationMatch") + r.Header.Get("X-Goog-If-Generation-Match")
	if from := q.Get("ifSourceGenerationMatch"); from != "" {
		want = from
	}
	if want == "" || r.Method == http.MethodPut || r.Method == http.MethodPost && name == "" { // uploads: the server does look at those
		return c.RoundTripper.RoundTrip(r)
	}
	if name == "" {
		_, name, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	}
	a, err := c.h.Object(name).Attrs(r.Context())
	if err == nil && strconv.FormatInt(a.Generation, 10) == want || errors.Is(err, storage.ErrObjectNotExist) {
		return c.RoundTripper.RoundTrip(r)
	}
	if err != nil {
		return nil, err
	}
	if r.Body != nil {
		r.Body.Close()
	}
	return &http.Response{
		StatusCode: http.StatusPreconditionFailed, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(`{"error":{"code":412,"message":"conditionNotMet"}}`)),
	}, nil
}

// objectOf is the object's name in a path of the JSON API: of a rewrite the source's.
func objectOf(u *url.URL, after string) string {
	_, name, ok := strings.Cut(u.EscapedPath(), after)
	if !ok {
		return ""
	}
	name, _, _ = strings.Cut(name, "/")
	name, err := url.PathUnescape(name)
	if err != nil {
		return ""
	}
	return name
}

// TestServerConditions: what was replaced meanwhile is neither read nor copied nor deleted, by the very request.
func TestServerConditions(t *testing.T) {
	s := connect(t)
	for _, xml := range []bool{false, true} {
		o := s.options()
		transport := http.DefaultTransport.(*http.Transport).Clone()
		t.Cleanup(transport.CloseIdleConnections)
		o.Anonymous, o.Client, o.XMLReads = false, &http.Client{Transport: checking{transport, s.h}}, xml
		d, _, err := gcsufs.OpenDriver(t.Context(), s.name, "p", o)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, d.Close()) })
		require.True(t, d.Caps().DeleteVersion)
		s.put(t, "p/f", []byte("old"))
		old, err := d.Stat(t.Context(), "f")
		require.NoError(t, err)
		s.put(t, "p/f", []byte("new"))
		now, err := d.Stat(t.Context(), "f")
		require.NoError(t, err)

		for _, n := range []int64{-1, 1} {
			_, _, err = d.Open(t.Context(), "f", 0, n, old.Version)
			require.ErrorIs(t, err, driver.ErrChanged)
		}
		_, err = d.(driver.Copier).Copy(t.Context(), "f", "copy", old.Version)
		require.ErrorIs(t, err, driver.ErrChanged)
		_, err = d.Stat(t.Context(), "copy")
		require.ErrorIs(t, err, driver.ErrNotExist)
		require.ErrorIs(t, d.(driver.VersionDeleter).DeleteVersion(t.Context(), "f", old.Version), driver.ErrChanged)
		b, _, err := d.Open(t.Context(), "f", 0, -1, now.Version)
		require.NoError(t, err)
		got, err := io.ReadAll(b)
		require.NoError(t, err)
		require.NoError(t, b.Close())
		require.Equal(t, "new", string(got))
		_, err = d.(driver.Copier).Copy(t.Context(), "f", "copy", now.Version)
		require.NoError(t, err)
		require.NoError(t, d.(driver.VersionDeleter).DeleteVersion(t.Context(), "f", now.Version))
		require.ErrorIs(t, d.(driver.VersionDeleter).DeleteVersion(t.Context(), "f", now.Version), driver.ErrNotExist)
		require.NoError(t, d.Delete(t.Context(), "copy"))
	}
}

// TestServerDeletesWhatItSaw: a deletion names the generation that was there when it was looked at.
func TestServerDeletesWhatItSaw(t *testing.T) {
	s := connect(t)
	o := s.options()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	late := &replacing{RoundTripper: checking{transport, s.h}, before: func() { s.put(t, "p/f", []byte("new")) }}
	o.Anonymous, o.Client = false, &http.Client{Transport: late}
	st := s.open(t, "p", o)
	_, err := write(t, st, "f", []byte("old"), ufs.CreateOptions{})
	require.NoError(t, err)
	late.n = 100
	require.ErrorIs(t, st.Delete(t.Context(), "f"), driver.ErrChanged)
	require.Equal(t, "new", string(read(t, st, "f")), "what was written since is deleted")
	late.n = 1
	require.NoError(t, st.Delete(t.Context(), "f"))
	_, err = st.Stat(t.Context(), "f")
	require.ErrorIs(t, err, driver.ErrNotExist)
}

// replacing calls before in front of the next n deletions.
type replacing struct {
	http.RoundTripper
	n      int
	before func()
}

func (p *replacing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodDelete && p.n > 0 {
		p.n--
		p.before()
	}
	return p.RoundTripper.RoundTrip(r)
}
