package httpufs_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/httpufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

// once makes a driver's errors show as they are.
var once = &ufs.Options{Attempts: 1}

// served opens a store of a server that answers everything but its root by h.
func served(t *testing.T, o *httpufs.Options, h http.HandlerFunc) *ufs.Store {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			fmt.Fprint(w, "<title>Index of /</title>")
			return
		}
		h(w, r)
	}))
	t.Cleanup(srv.Close)
	if o == nil {
		o = &httpufs.Options{}
	}
	o.UFS = once
	s, err := httpufs.Open(t.Context(), srv.URL, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func read(t *testing.T, s *ufs.Store, off, n int64, version string) (string, error) {
	t.Helper()
	rc, _, err := s.Open(t.Context(), "f", off, n, version)
	if err != nil {
		return "", err
	}
	defer rc.Close()
	b, err := io.ReadAll(rc)
	return string(b), err
}

func TestStatuses(t *testing.T) {
	for status, want := range map[int]error{
		404: driver.ErrNotExist, 410: driver.ErrNotExist, 401: driver.ErrPermission, 403: driver.ErrPermission, 407: driver.ErrPermission,
		412: driver.ErrChanged, 400: driver.ErrInvalid, 414: driver.ErrInvalid, 405: driver.ErrUnsupported, 451: driver.ErrUnsupported,
		501: driver.ErrUnsupported, 500: nil, 502: nil, 503: nil, 504: nil, 408: nil, 425: nil,
	} {
		s := served(t, nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		_, statErr := s.Stat(t.Context(), "f")
		_, readErr := read(t, s, 0, 10, "")
		for _, err := range []error{statErr, readErr} {
			require.Error(t, err, status)
			if want != nil {
				require.ErrorIs(t, err, want, status)
				continue
			}
			for _, e := range []error{driver.ErrNotExist, driver.ErrPermission, driver.ErrInvalid, driver.ErrUnsupported, driver.ErrChanged} {
				require.NotErrorIs(t, err, e, "%d may pass", status)
			}
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	for header, want := range map[string]time.Duration{"7": 7 * time.Second, now.Add(time.Minute).Format(http.TimeFormat): time.Minute, "soon": 0} {
		for _, status := range []int{429, 503} {
			s := served(t, nil, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", header)
				w.Header().Set("Date", now.Format(http.TimeFormat))
				w.WriteHeader(status)
			})
			_, err := s.Stat(t.Context(), "f")
			r, ok := errors.AsType[*driver.Retryable](err)
			require.True(t, ok, "%d: %v", status, err)
			require.Equal(t, want, r.After, header)
		}
	}
}

// TestWrongAnswers to a request for bytes 2 to 4 of ten.
func TestWrongAnswers(t *testing.T) {
	const data = "0123456789"
	for name, c := range map[string]struct {
		status  int
		headers map[string]string
		body    string
		want    string // "" for an error
	}{
		"right":                {206, map[string]string{"Content-Range": "bytes 2-4/10"}, data[2:5], "234"},
		"all of it":            {200, nil, data, "234"},
		"another range":        {206, map[string]string{"Content-Range": "bytes 0-2/10"}, data[:3], ""},
		"more of it":           {206, map[string]string{"Content-Range": "bytes 2-9/10"}, data[2:], ""},
		"less of it":           {206, map[string]string{"Content-Range": "bytes 2-3/10"}, data[2:4], ""},
		"no range":             {206, nil, data[2:5], ""},
		"a range of unknown":   {206, map[string]string{"Content-Range": "bytes 2-4/*"}, data[2:5], ""},
		"a negative one":       {206, map[string]string{"Content-Range": "bytes -2-4/10"}, data[2:5], ""},
		"other units":          {206, map[string]string{"Content-Range": "lines 2-4/10"}, data[2:5], ""},
		"a body cut short":     {206, map[string]string{"Content-Range": "bytes 2-4/10", "Content-Length": "2"}, data[2:4], ""},
		"encoded":              {206, map[string]string{"Content-Range": "bytes 2-4/10", "Content-Encoding": "gzip"}, data[2:5], ""},
		"without a version":    {206, map[string]string{"Content-Range": "bytes 2-4/10", "Last-Modified": ""}, data[2:5], ""},
		"with a weak one":      {206, map[string]string{"Content-Range": "bytes 2-4/10", "Last-Modified": "", "ETag": `W/"x"`}, data[2:5], ""},
		"with a strong one":    {206, map[string]string{"Content-Range": "bytes 2-4/10", "Last-Modified": "", "ETag": `"x"`}, data[2:5], "234"},
		"all of a shorter one": {200, nil, data[:4], "23"},
	} {
		t.Run(name, func(t *testing.T) {
			s := served(t, nil, func(w http.ResponseWriter, r *http.Request) {
				require.Equal(t, "bytes=2-4", r.Header.Get("Range"))
				require.Equal(t, "identity", r.Header.Get("Accept-Encoding"))
				w.Header().Set("Last-Modified", time.Unix(1e9, 0).UTC().Format(http.TimeFormat))
				w.Header().Set("Content-Length", strconv.Itoa(len(c.body)))
				for k, v := range c.headers {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			got, err := read(t, s, 2, 3, "")
			if c.want == "" {
				require.Error(t, err, "%q for bytes 2 to 4", got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

// TestConditions: a version goes along, and is compared whatever the server knows.
func TestConditions(t *testing.T) {
	var got http.Header
	tag := `"one"`
	s := served(t, nil, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		if tag != "" {
			w.Header().Set("ETag", tag)
		}
		w.Header().Set("Last-Modified", time.Unix(1e9, 0).UTC().Format(http.TimeFormat))
		_, _ = io.WriteString(w, "content")
	})
	b, err := read(t, s, 0, -1, `"one"`)
	require.NoError(t, err)
	require.Equal(t, "content", b)
	require.Equal(t, `"one"`, got.Get("If-Match"))
	tag = `"two"`
	_, err = read(t, s, 0, -1, `"one"`)
	require.ErrorIs(t, err, driver.ErrChanged, "a server that knows no conditions")
	tag = ""
	_, err = read(t, s, 0, -1, "7-1000000000")
	require.NoError(t, err)
	require.Equal(t, "Sun, 09 Sep 2001 01:46:40 GMT", got.Get("If-Unmodified-Since"))
	require.Empty(t, got.Get("If-Match"))
	_, err = read(t, s, 0, -1, "8-1000000000")
	require.ErrorIs(t, err, driver.ErrChanged)
}

// TestYoungFilesAreReadAgain: two versions of one second look alike, so what was seen in it has another name later.
func TestYoungFilesAreReadAgain(t *testing.T) {
	age := time.Second
	s := served(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", time.Unix(1e9, 0).UTC().Format(http.TimeFormat))
		w.Header().Set("Date", time.Unix(1e9, 0).Add(age).UTC().Format(http.TimeFormat))
		_, _ = io.WriteString(w, "content")
	})
	young, err := s.Stat(t.Context(), "f")
	require.NoError(t, err)
	age = 2 * time.Second
	old, err := s.Stat(t.Context(), "f")
	require.NoError(t, err)
	require.False(t, old.Is(young.Version))
	age = time.Hour
	older, err := s.Stat(t.Context(), "f")
	require.NoError(t, err)
	require.Equal(t, old.Version, older.Version)
}

// TestRedirects stay on the server, and take no header elsewhere.
func TestRedirects(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another server was asked") }))
	defer other.Close()
	to := ""
	s := served(t, &httpufs.Options{Header: http.Header{"Authorization": {"secret"}}}, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "secret", r.Header.Get("Authorization"))
		switch r.URL.Path {
		case "/f":
			http.Redirect(w, r, to, http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop2", http.StatusFound)
		case "/loop2":
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			w.Header().Set("ETag", `"x"`)
			_, _ = io.WriteString(w, "moved")
		}
	})
	for _, to = range []string{"/g", "g", "/deep/g"} {
		b, err := read(t, s, 0, -1, "")
		require.NoError(t, err, to)
		require.Equal(t, "moved", b)
	}
	for _, to = range []string{other.URL + "/f", strings.Replace(s.ID(), "127.0.0.1", "localhost", 1) + "/g", "//" + strings.TrimPrefix(other.URL, "http://"), "https://127.0.0.1/f", "", "ftp://127.0.0.1/f", "/loop"} {
		_, err := read(t, s, 0, -1, "")
		require.ErrorIs(t, err, driver.ErrUnsupported, to)
		require.NotContains(t, err.Error(), "secret")
	}
	to = "/f/"
	a, err := s.Stat(t.Context(), "f")
	require.NoError(t, err)
	require.True(t, a.Dir)
	_, err = read(t, s, 0, -1, "")
	require.ErrorIs(t, err, driver.ErrIsDir)
}

// TestSkipIsBounded where a server has no ranges.
func TestSkipIsBounded(t *testing.T) {
	data := strings.Repeat("0123456789", 100)
	s := served(t, &httpufs.Options{MaxSkip: 500}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"x"`)
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		_, _ = io.WriteString(w, data)
	})
	got, err := read(t, s, 500, 5, "")
	require.NoError(t, err)
	require.Equal(t, "01234", got)
	_, err = read(t, s, 501, 5, "")
	require.ErrorIs(t, err, driver.ErrUnsupported)
	require.ErrorContains(t, err, "MaxSkip")
}

// TestGzipIsNotUndone: a client that asks for gzip by itself would count other bytes.
func TestGzipIsNotUndone(t *testing.T) {
	s := served(t, &httpufs.Options{Client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"x"`)
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, "content")
			_ = z.Close()
			return
		}
		_, _ = io.WriteString(w, "content")
	})
	got, err := read(t, s, 0, -1, "")
	require.NoError(t, err)
	require.Equal(t, "content", got)
}

func TestURLs(t *testing.T) {
	p := newSite(t, golang)
	p.put(t, "d/f", "content")
	host := strings.TrimSuffix(p.url, "/")
	for _, u := range []string{host + "/d", host + "/d/", host + "//d/./", strings.Replace(host, "http", "HTTP", 1) + "/d"} {
		s, err := ufs.Open(t.Context(), u, nil)
		require.NoError(t, err, u)
		require.Equal(t, host+"/d", s.ID(), "one place has one name")
		_, err = s.Stat(t.Context(), "f")
		require.NoError(t, err)
		require.NoError(t, s.Close())
	}
	refused := map[string]string{
		"http://":                    "host/dir",
		"http://me:hunter2@host/":    "credentials",
		"http://me@host/":            "credentials",
		"http://host/?token=hunter2": "secret",
		"http://host/?unknown=1":     "unknown option",
	}
	ufstest.RefusedURLs(t, refused)
	for u := range refused {
		_, err := httpufs.Open(t.Context(), u, nil)
		require.EqualError(t, err, ufs.CheckURL(u).Error())
	}
	_, err := httpufs.Open(t.Context(), p.url, &httpufs.Options{MaxSkip: -1})
	require.ErrorIs(t, err, driver.ErrInvalid)
	_, err = httpufs.Open(t.Context(), p.url+"d/f", nil)
	require.ErrorIs(t, err, driver.ErrNotDir)
	down := httptest.NewServer(nil)
	down.Close()
	_, err = httpufs.Open(t.Context(), down.URL, nil)
	_, isNet := errors.AsType[*url.Error](err)
	require.True(t, isNet, "%v", err)
}

// TestDriverChecks what the Store above it checks, too: others may stand on it.
func TestDriverChecks(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"x"`)
		if r.Header.Get("Range") != "" {
			w.Header().Set("Content-Range", "bytes 2-4/10")
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = io.WriteString(w, "23")
	}))
	defer srv.Close()
	u, err := url.Parse(srv.URL)
	require.NoError(t, err)
	d, _, err := httpufs.OpenDriver(t.Context(), u)
	require.NoError(t, err)
	defer d.Close()
	rc, _, err := d.Open(t.Context(), "f", 2, 3, "")
	require.NoError(t, err)
	_, err = io.ReadAll(rc)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "two bytes for three")
	require.NoError(t, rc.Close())
	_, _, err = d.Open(t.Context(), "f", 0, -1, `"y"`)
	require.ErrorIs(t, err, driver.ErrChanged)
	_, _, err = d.Open(t.Context(), "f", 0, 0, `"y"`)
	require.ErrorIs(t, err, driver.ErrChanged)
	_, err = d.Create(t.Context(), "f", driver.CreateOptions{})
	require.ErrorIs(t, err, driver.ErrReadOnly)
	require.ErrorIs(t, d.Delete(t.Context(), "f"), driver.ErrReadOnly)
}
