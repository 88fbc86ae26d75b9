package s3ufs_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/s3ufs"
)

// seen keeps the requests that reach a server which has nothing and takes everything.
type seen struct {
	url string
	mu  sync.Mutex
	all []*http.Request
}

func newSeen(t *testing.T) *seen {
	s := &seen{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.all = append(s.all, r.Clone(context.WithoutCancel(r.Context())))
		s.mu.Unlock()
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Etag", `"1"`)
		switch q := r.URL.Query(); {
		case r.Method == http.MethodPost && q.Has("uploads"):
			w.Write([]byte(`<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>`))
		case r.Method == http.MethodPost && q.Has("delete"):
			w.Write([]byte(`<DeleteResult></DeleteResult>`))
		case r.Method == http.MethodPost:
			w.Write([]byte(`<CompleteMultipartUploadResult><ETag>"1"</ETag></CompleteMultipartUploadResult>`))
		case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
			w.Write([]byte(`<CopyObjectResult><ETag>"1"</ETag></CopyObjectResult>`))
		case r.Method == http.MethodGet && q.Has("list-type"):
			w.Write([]byte(`<ListBucketResult></ListBucketResult>`))
		}
	}))
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s
}

// requests are those since the last call.
func (s *seen) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.all
	s.all = nil
	return was
}

// everyCall makes each kind of request.
func everyCall(t *testing.T, s *ufs.Store) {
	t.Helper()
	ctx := t.Context()
	_, err := s.Stat(ctx, "f")
	require.NoError(t, err)
	_, err = s.ListPage(ctx, ufs.ListOptions{})
	require.NoError(t, err)
	rc, _, err := s.Open(ctx, "f", 0, -1, "")
	require.NoError(t, err)
	require.NoError(t, rc.Close())
	for _, size := range []int{10, 6 << 20} {
		_, err = writeFile(t, s, "f", pattern(size))
		require.NoError(t, err)
	}
	_, err = s.Copy(ctx, "f", "g", "")
	require.NoError(t, err)
	require.NoError(t, s.Delete(ctx, "f"))
	require.Empty(t, s.DeleteBatch(ctx, []string{"f", "g"}))
}

// TestOptionsOfURLs: what each option of a URL does to the requests.
func TestOptionsOfURLs(t *testing.T) {
	noCredentials(t)
	profiles := filepath.Join(t.TempDir(), "credentials")
	require.NoError(t, os.WriteFile(profiles, []byte("[reader]\naws_access_key_id = of-the-profile\naws_secret_access_key = x\n"), 0o600))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", profiles)
	writes := func(r *http.Request) bool {
		q := r.URL.Query()
		return r.Method == http.MethodPut && !q.Has("partNumber") || r.Method == http.MethodPost && q.Has("uploads")
	}
	all := func(*http.Request) bool { return true }
	for name, c := range map[string]struct {
		options string
		of      func(r *http.Request) bool // of which requests
		has     func(r *http.Request) bool
	}{
		"region": {"&profile=reader&region=eu-mill-7", all, func(r *http.Request) bool {
			return strings.Contains(r.Header.Get("Authorization"), "/eu-mill-7/s3/")
		}},
		"profile": {"&profile=reader", all, func(r *http.Request) bool {
			return strings.Contains(r.Header.Get("Authorization"), "Credential=of-the-profile/")
		}},
		"anonymous": {"&anonymous=true", all, func(r *http.Request) bool { return r.Header.Get("Authorization") == "" }},
		"requester_pays": {"&profile=reader&requester_pays=true", all, func(r *http.Request) bool {
			return r.Header.Get("X-Amz-Request-Payer") == "requester"
		}},
		"nobody pays unasked": {"&profile=reader", all, func(r *http.Request) bool { return r.Header.Get("X-Amz-Request-Payer") == "" }},
		"sse": {"&profile=reader&sse=aws:kms:mill", writes, func(r *http.Request) bool {
			return r.Header.Get("X-Amz-Server-Side-Encryption") == "aws:kms" && r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") == "mill"
		}},
		"sse of S3": {"&profile=reader&sse=AES256", writes, func(r *http.Request) bool {
			return r.Header.Get("X-Amz-Server-Side-Encryption") == "AES256"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			v := newSeen(t)
			s, err := ufs.Open(t.Context(), "s3://box/p?endpoint="+v.url+c.options, &ufs.Options{Attempts: 1, DisableHedge: true})
			require.NoError(t, err)
			defer s.Close()
			everyCall(t, s)
			met := 0
			for _, r := range v.requests() {
				require.True(t, strings.HasPrefix(r.URL.Path, "/box"), "%s %s: the endpoint is an address, so the bucket is in the path", r.Method, r.URL)
				if c.of(r) {
					met++
					require.True(t, c.has(r), "%s %s: %v", r.Method, r.URL, r.Header)
				}
			}
			require.GreaterOrEqual(t, met, 3)
		})
	}
}

// hosts is a network that keeps to whom requests go, and answers that nothing is there.
type hosts struct{ last string }

func (h *hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	h.last = r.URL.Host + r.URL.Path
	return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// TestPathStyle: the bucket is in the host's name, or where that is asked for in the path.
func TestPathStyle(t *testing.T) {
	for want, o := range map[string]s3ufs.Options{
		"box.store.example/p/f":              {Endpoint: "https://store.example"},
		"store.example/box/p/f":              {Endpoint: "https://store.example", PathStyle: true},
		"box.s3.eu-west-1.amazonaws.com/p/f": {Region: "eu-west-1"},
		"s3.eu-west-1.amazonaws.com/box/p/f": {Region: "eu-west-1", PathStyle: true},
		"127.0.0.1:9/box/p/f":                {Endpoint: "http://127.0.0.1:9"},
	} {
		h := &hosts{}
		o.Anonymous, o.HTTPClient, o.UFS = true, &http.Client{Transport: h}, &ufs.Options{Attempts: 1}
		s, err := s3ufs.Open(t.Context(), "box", "p", &o)
		require.NoError(t, err)
		_, _, err = s.Open(t.Context(), "f", 0, 1, "7")
		require.ErrorIs(t, err, driver.ErrNotExist)
		require.Equal(t, want, h.last)
		require.NoError(t, s.Close())
	}
}
