package httpufs_test

import (
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/httpufs"
	"github.com/millpond/millpond/ufs/troubletest"
)

// kind names requests to a web server: a page of a directory is a listing.
func kind(r *http.Request) string {
	switch {
	case r.Method == http.MethodHead:
		return troubletest.Head
	case strings.HasSuffix(r.URL.Path, "/"):
		return troubletest.List
	}
	return troubletest.Get
}

// refuse answers as a web server does.
func refuse(status int, after time.Duration) faultproxy.Fault {
	h := http.Header{"Content-Type": {"text/plain"}}
	if after > 0 {
		h.Set("Retry-After", strconv.Itoa(int(after.Seconds())))
	}
	return faultproxy.Answer(status, h, "by the fault proxy")
}

// TestTrouble runs what the table of troubles has for who reads, over net/http's own file server.
func TestTrouble(t *testing.T) {
	p := newSite(t, golang)
	dirOf := func(s *ufs.Store) string { return s.ID()[strings.LastIndexByte(s.ID(), '/')+1:] }
	var age atomic.Int64 // seconds between any two files: Last-Modified counts those
	age.Store(1 << 20)
	open := func(tb testing.TB, url string, o *ufs.Options) *ufs.Store {
		s, err := httpufs.Open(tb.Context(), url, &httpufs.Options{UFS: o})
		require.NoError(tb, err)
		tb.Cleanup(func() { require.NoError(tb, s.Close()) })
		return s
	}
	const noSecrets = "a web server is asked without credentials, and no request says the time"
	troubletest.RunReads(t, troubletest.Harness{
		Target: strings.TrimSuffix(p.url, "/"), Kind: kind, Refuse: refuse, Passing: []int{500, 503, 429},
		Open: func(tb testing.TB, endpoint string, o *ufs.Options) *ufs.Store {
			dir := rand.Text()
			require.NoError(tb, os.Mkdir(filepath.Join(p.dir, dir), 0o755))
			return open(tb, endpoint+"/"+dir, o)
		},
		Put: func(tb testing.TB, s *ufs.Store, key string, data []byte) {
			p.put(tb, dirOf(s)+"/"+key, string(data))
			at := time.Now().Add(-time.Duration(age.Add(-10)) * time.Second)
			require.NoError(tb, os.Chtimes(filepath.Join(p.dir, dirOf(s), key), at, at))
		},
		Pinned: func(r *http.Request, version string) bool {
			since, err := http.ParseTime(r.Header.Get("If-Unmodified-Since"))
			return err == nil && strings.HasSuffix(version, "-"+strconv.FormatInt(since.Unix(), 10))
		},
		Known: map[string]string{
			"flipped_byte_is_found_by_checksum": "HTTP tells no checksum",
			"clock_that_is_wrong":               noSecrets,
			"expired_credentials_are_refreshed": noSecrets,
			"bucket_that_does_not_exist":        "a directory that is not there is no other thing than a file that is not",
			"refusals_are_retried":              "a listing looks at each file: TestRefusalsAreRetried",
			"may_not_list_but_read":             "what is not there is 404, whether directories are listed or not; the table runs over a server that lists nothing",
			"may_list_but_not_read":             "a listing looks at each file, and leaves out what may not be read",
		},
	})
}

// TestRefusalsAreRetried: each call goes on when the server is able again.
func TestRefusalsAreRetried(t *testing.T) {
	site := newSite(t, golang)
	site.put(t, "f", "content")
	p, err := faultproxy.Start(strings.TrimSuffix(site.url, "/"), kind)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	s, err := httpufs.Open(t.Context(), p.URL(), &httpufs.Options{UFS: &ufs.Options{Attempts: 3, BaseDelay: time.Millisecond, MaxDelay: time.Millisecond, DisableBreaker: true, DisableHedge: true}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for _, status := range []int{408, 425, 429, 500, 502, 503, 504} {
		for refused, passes := range map[int]bool{2: true, 3: false} {
			p.Reset()
			for _, kind := range []string{troubletest.Head, troubletest.Get, troubletest.List} {
				p.On(faultproxy.Rule{Kinds: []string{kind}, Times: refused, Fault: refuse(status, 0)})
			}
			_, stat := s.Stat(t.Context(), "f")
			_, read := s.ReadAt(t.Context(), "f", "", make([]byte, 7), 0)
			page, list := s.ListPage(t.Context(), ufs.ListOptions{})
			for _, err := range []error{stat, read, list} {
				require.Equal(t, passes, err == nil, "%d, refused %d times: %v", status, refused, err)
			}
			want := map[string]int{troubletest.Head: 3, troubletest.Get: 3, troubletest.List: 3}
			if passes {
				require.Len(t, page.Entries, 1)
				want[troubletest.Head]++ // by the listing
			}
			require.Equal(t, want, p.Counts(), "%d, refused %d times", status, refused)
		}
	}
}
