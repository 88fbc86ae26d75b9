package swiftufs_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ncw/swift/v2"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/swiftufs"
	"github.com/millpond/millpond/ufs/troubletest"
)

// kind names requests of Swift's API: /v1/ACCOUNT/CONTAINER/OBJECT.
func kind(r *http.Request) string {
	parts := strings.SplitN(strings.Trim(r.URL.Path, "/"), "/", 4)
	switch {
	case parts[0] == "auth":
		return "login"
	case len(parts) == 3 && r.Method == http.MethodGet:
		return troubletest.List
	case len(parts) < 4:
		return r.Method + " " + r.URL.Path
	case r.Method == http.MethodPut && r.URL.Query().Has("multipart-manifest"):
		return troubletest.Complete
	case r.Method == http.MethodPut && strings.HasSuffix(parts[2], "_segments"):
		return troubletest.Part
	case r.Method == http.MethodPut:
		return troubletest.Put
	case r.Method == http.MethodGet:
		return troubletest.Get
	case r.Method == http.MethodHead:
		return troubletest.Head
	}
	return r.Method + " " + r.URL.Path
}

// refuse answers as Swift does.
func refuse(status int, after time.Duration) faultproxy.Fault {
	h := http.Header{"Content-Type": {"text/html"}}
	if after > 0 {
		h.Set("Retry-After", strconv.Itoa(int(after.Seconds())))
	}
	return faultproxy.Answer(status, h, "<html><h1>by the fault proxy</h1></html>")
}

// TestServerTrouble runs the table of troubles.
func TestServerTrouble(t *testing.T) {
	s := connect(t)
	server := strings.TrimSuffix(os.Getenv("ST_AUTH"), "/auth/v1.0")
	through := func(tb testing.TB, endpoint, container, prefix string, o *ufs.Options) *ufs.Store {
		st, err := swiftufs.Open(tb.Context(), container, prefix, &swiftufs.Options{
			PartSize: mib, InFlight: 4 * mib, UFS: o,
			Connect: func(c *swift.Connection) error {
				err := c.ApplyEnvironment()
				c.AuthUrl = endpoint + "/auth/v1.0"
				return err
			},
		})
		require.NoError(tb, err)
		tb.Cleanup(func() { require.NoError(tb, st.Close()) })
		return st
	}
	h := troubletest.Harness{
		Target: server, Kind: kind, PartSize: mib, Refuse: refuse, Passing: []int{500, 503, 498, 429},
		Busy: []int{498, 429}, // a 503 is no refusal: some of the servers may have taken it
		Open: func(tb testing.TB, endpoint string, o *ufs.Options) *ufs.Store {
			return through(tb, endpoint, s.name, rand.Text(), o)
		},
		Put: func(tb testing.TB, st *ufs.Store, key string, data []byte) {
			require.NoError(tb, s.c.ObjectPutBytes(tb.Context(), s.name, s.prefixOf(st)+"/"+key, data, ""))
		},
		Get: func(tb testing.TB, st *ufs.Store, key string) ([]byte, bool) {
			b, err := s.c.ObjectGetBytes(tb.Context(), s.name, s.prefixOf(st)+"/"+key)
			if err == swift.ObjectNotFound {
				return nil, false
			}
			require.NoError(tb, err)
			return b, true
		},
		Leftovers: func(tb testing.TB, st *ufs.Store) int { return len(s.leftovers(tb, s.prefixOf(st))) },
		Pinned: func(r *http.Request, version string) bool {
			return strings.Trim(r.Header.Get("If-Match"), `"`) == version
		},
		Expiring: func(tb testing.TB, p *faultproxy.Proxy, st *ufs.Store) (*ufs.Store, func() int) {
			p.Reset()
			opened := through(tb, p.URL(), s.name, s.prefixOf(st), nil)
			p.On(faultproxy.Rule{Kinds: []string{troubletest.Get}, Times: 1, Fault: refuse(http.StatusUnauthorized, 0)})
			return opened, func() int { return p.Counts()["login"] }
		},
		NoBucket: func(tb testing.TB, endpoint string) *ufs.Store {
			return through(tb, endpoint, "no-such-container", "p", nil)
		},
		Known: map[string]string{
			"clock_that_is_wrong": "Swift's requests have no time in them, as no_request_says_the_time shows",
		},
	}
	troubletest.Run(t, h)
	t.Run("no_request_says_the_time", func(t *testing.T) { timeless(t, h) })
	t.Run("flipped_byte_is_fetched_again_by_cachefs", func(t *testing.T) {
		p, err := faultproxy.Start(server, kind)
		require.NoError(t, err)
		defer p.Close()
		cachefstest.Flipped(t, p, h.Open(t, p.URL(), &ufs.Options{DisableHedge: true}), troubletest.Get, 100_000, 128<<10)
	})
	t.Run("stalled_store_leaves_cached_data_and_other_mounts", func(t *testing.T) {
		p, err := faultproxy.Start(server, kind)
		require.NoError(t, err)
		defer p.Close()
		cachefstest.Stall(t, p, func(o *ufs.Options) *ufs.Store { return h.Open(t, p.URL(), o) }, s.open(t, rand.Text()))
	})
}

// timeless shows that no request says what time it is here: a clock that is wrong harms nothing.
func timeless(t *testing.T, h troubletest.Harness) {
	p, err := faultproxy.Start(h.Target, kind)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	var timed atomic.Int32
	p.On(faultproxy.Rule{Match: func(r *http.Request) bool {
		said := fmt.Sprint(r.URL, r.Header)
		for _, layout := range []string{"2006-01-02", "20060102", "Jan 2006"} {
			if strings.Contains(said, time.Now().UTC().Format(layout)) {
				timed.Add(1)
			}
		}
		return false
	}})
	st := h.Open(t, p.URL(), nil)
	w, err := st.Create(t.Context(), "f", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write(make([]byte, 2*mib+1))
	require.NoError(t, err)
	_, err = w.Commit(t.Context())
	require.NoError(t, err)
	_, err = st.ReadAt(t.Context(), "f", "", make([]byte, 1), 0)
	require.NoError(t, err)
	for _, kind := range []string{"login", troubletest.Part, troubletest.Complete, troubletest.Get} {
		require.Positive(t, p.Counts()[kind], kind)
	}
	require.Zero(t, timed.Load())
}
