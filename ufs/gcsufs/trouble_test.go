package gcsufs_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/httptransport"
	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/gcsufs"
	"github.com/millpond/millpond/ufs/troubletest"
)

// kind names requests of the JSON API.
func kind(r *http.Request) string {
	_, object, one := strings.Cut(r.URL.Path, "/o/")
	q := r.URL.Query()
	switch {
	case q.Get("upload_id") != "" && isLast(r):
		return troubletest.Complete
	case q.Get("upload_id") != "":
		return troubletest.Part
	case r.Method == http.MethodPost && q.Get("uploadType") == "resumable":
		return "begin"
	case r.Method == http.MethodPost && q.Get("uploadType") != "":
		return troubletest.Put
	case r.Method == http.MethodGet && one && object != "" && (q.Get("alt") == "media" || strings.HasPrefix(r.URL.Path, "/download/")):
		return troubletest.Get
	case r.Method == http.MethodGet && one && object != "":
		return troubletest.Head
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/o"):
		return troubletest.List
	}
	return r.Method + " " + r.URL.Path
}

// isLast reports whether a part is the one that publishes: it says how long the object is.
func isLast(r *http.Request) bool {
	_, total, _ := strings.Cut(r.Header.Get("Content-Range"), "/")
	return total != "" && total != "*"
}

// through sends all requests to one address: the server hands out URLs of uploads with its own.
type through struct {
	http.RoundTripper
	to *url.URL
}

func (t through) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Host, r.Host = t.to.Host, ""
	return t.RoundTripper.RoundTrip(r)
}

// transport leads to an endpoint.
func transport(tb testing.TB, endpoint string) http.RoundTripper {
	u, err := url.Parse(endpoint)
	require.NoError(tb, err)
	t := http.DefaultTransport.(*http.Transport).Clone()
	tb.Cleanup(t.CloseIdleConnections)
	return through{t, u}
}

// refuse answers as Google does.
func refuse(status int, after time.Duration) faultproxy.Fault {
	h := http.Header{"Content-Type": {"application/json"}}
	if after > 0 {
		h.Set("Retry-After", strconv.Itoa(int(after.Seconds())))
	}
	return faultproxy.Answer(status, h, fmt.Sprintf(`{"error":{"code":%d,"message":"by the fault proxy"}}`, status))
}

// TestServerTrouble runs the table of troubles.
func TestServerTrouble(t *testing.T) {
	s := connect(t)
	prefixes := map[*ufs.Store]string{}
	through := func(tb testing.TB, endpoint, bucket, prefix string, u *ufs.Options) *ufs.Store {
		o := gcsufs.Options{Endpoint: endpoint, PartSize: part, Client: &http.Client{Transport: transport(tb, endpoint)}, UFS: u}
		st, err := gcsufs.Open(tb.Context(), bucket, prefix, &o)
		require.NoError(tb, err)
		tb.Cleanup(func() { require.NoError(tb, st.Close()) })
		prefixes[st] = prefix
		return st
	}
	h := troubletest.Harness{
		Target: s.endpoint, Kind: kind, PartSize: part, Refuse: refuse, Passing: []int{500, 502, 503, 504, 429}, Busy: []int{503, 429},
		Open: func(tb testing.TB, endpoint string, o *ufs.Options) *ufs.Store {
			return through(tb, endpoint, s.name, rand.Text(), o)
		},
		Put: func(tb testing.TB, st *ufs.Store, key string, data []byte) { s.put(tb, prefixes[st]+"/"+key, data) },
		Get: func(tb testing.TB, st *ufs.Store, key string) ([]byte, bool) {
			_, err := s.h.Object(prefixes[st] + "/" + key).Attrs(tb.Context())
			if errors.Is(err, storage.ErrObjectNotExist) {
				return nil, false
			}
			require.NoError(tb, err)
			return read(tb, s.open(tb, prefixes[st], s.options()), key), true
		},
		Leftovers:      func(testing.TB, *ufs.Store) int { return 0 }, // a resumable upload that was not finished is nowhere
		CompletesAgain: true,
		Pinned: func(r *http.Request, version string) bool {
			return r.URL.Query().Get("ifGenerationMatch") == version
		},
		WrongClock: func(_ testing.TB, p *faultproxy.Proxy, st *ufs.Store) (*ufs.Store, string) {
			date := http.Header{"Date": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}}
			p.On(faultproxy.Rule{Kinds: []string{troubletest.Get}, Fault: faultproxy.Answer(http.StatusUnauthorized, date, `{"error":{"code":401}}`)})
			return st, "this machine's clock is"
		},
		Expiring: func(tb testing.TB, p *faultproxy.Proxy, st *ufs.Store) (*ufs.Store, func() int) {
			return expiring(tb, p, s.name, prefixes[st])
		},
		NoBucket: func(tb testing.TB, endpoint string) *ufs.Store {
			return through(tb, endpoint, "no-such-bucket", "p", nil)
		},
		Known: map[string]string{
			"flipped_byte_of_a_part_is_refused": "fake-gcs-server does not check the sum of a resumable upload",
		},
	}
	troubletest.Run(t, h)
	t.Run("flipped_byte_is_fetched_again_by_cachefs", func(t *testing.T) {
		p, err := faultproxy.Start(s.endpoint, kind)
		require.NoError(t, err)
		defer p.Close()
		cachefstest.Flipped(t, p, h.Open(t, p.URL(), &ufs.Options{DisableHedge: true}), troubletest.Get, 100_000, 128<<10)
	})
	t.Run("resumable_upload_says_its_sum", func(t *testing.T) { saysItsSum(t, h) })
	t.Run("stalled_store_leaves_cached_data_and_other_mounts", func(t *testing.T) {
		p, err := faultproxy.Start(s.endpoint, kind)
		require.NoError(t, err)
		defer p.Close()
		cachefstest.Stall(t, p, func(o *ufs.Options) *ufs.Store { return h.Open(t, p.URL(), o) }, s.open(t, rand.Text(), s.options()))
	})
}

// expiring opens a place with a provider whose first token has expired when it was used once.
func expiring(tb testing.TB, p *faultproxy.Proxy, bucket, prefix string) (*ufs.Store, func() int) {
	tokens := new(provider)
	client, err := httptransport.NewClient(&httptransport.Options{
		BaseRoundTripper: transport(tb, p.URL()), Credentials: auth.NewCredentials(&auth.CredentialsOptions{TokenProvider: auth.NewCachedTokenProvider(tokens, nil)}),
	})
	require.NoError(tb, err)
	st, err := gcsufs.Open(tb.Context(), bucket, prefix, &gcsufs.Options{Endpoint: p.URL(), Client: client})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, st.Close()) })
	_, err = st.Stat(tb.Context(), "f")
	require.NoError(tb, err)
	p.On(faultproxy.Rule{Match: func(r *http.Request) bool { return r.Header.Get("Authorization") != "Bearer token2" }, Fault: refuse(http.StatusUnauthorized, 0)})
	return st, func() int { return int(tokens.asked.Load()) }
}

// provider hands out token1, which is old, then token2.
type provider struct{ asked atomic.Int32 }

func (p *provider) Token(context.Context) (*auth.Token, error) {
	if n := p.asked.Add(1); n > 1 {
		return &auth.Token{Value: fmt.Sprint("token", n), Type: "Bearer", Expiry: time.Now().Add(time.Hour)}, nil
	}
	return &auth.Token{Value: "token1", Type: "Bearer", Expiry: time.Now().Add(-time.Minute)}, nil
}

// saysItsSum looks at the request that publishes a resumable upload: fake-gcs-server does not compare, but Google does.
func saysItsSum(t *testing.T, h troubletest.Harness) {
	p, err := faultproxy.Start(h.Target, kind)
	require.NoError(t, err)
	defer p.Close()
	st := h.Open(t, p.URL(), nil)
	text := strings.Repeat("0123456789abcdef", (3*part+16)/16)
	var said []string
	p.On(faultproxy.Rule{Kinds: []string{troubletest.Complete}, Match: func(r *http.Request) bool {
		said = append(said, r.Header.Get("X-Goog-Hash"))
		return false
	}})
	cachefstest.Put(t, st, "f", text)
	sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
	require.Equal(t, []string{"crc32c=" + base64.StdEncoding.EncodeToString(sum)}, said)
	require.Equal(t, 3, p.Counts()[troubletest.Part], "in parts")
}
