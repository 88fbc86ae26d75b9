package azufs_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/azufs"
	"github.com/millpond/millpond/ufs/troubletest"
)

// kind names requests of the Blob service.
func kind(r *http.Request) string {
	comp := r.URL.Query().Get("comp")
	switch {
	case comp == "list":
		return troubletest.List
	case r.Method == http.MethodPut && comp == "block":
		return troubletest.Part
	case r.Method == http.MethodPut && comp == "blocklist":
		return troubletest.Complete
	case r.Method == http.MethodPut && comp == "" && r.Header.Get("X-Ms-Copy-Source") == "":
		return troubletest.Put
	case r.Method == http.MethodGet && comp == "":
		return troubletest.Get
	case r.Method == http.MethodHead:
		return troubletest.Head
	}
	return r.Method + " " + comp
}

// refuse answers as Azure does.
func refuse(status int, after time.Duration) faultproxy.Fault {
	code := map[int]bloberror.Code{500: bloberror.InternalError, 503: bloberror.ServerBusy, 403: bloberror.AuthorizationPermissionMismatch}[status]
	h := http.Header{"Content-Type": {"application/xml"}, "X-Ms-Error-Code": {string(code)}}
	if after > 0 {
		h.Set("Retry-After", strconv.Itoa(int(after.Seconds())))
	}
	return faultproxy.Answer(status, h, fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?><Error><Code>%s</Code><Message>by the fault proxy</Message></Error>`, code))
}

// TestServerTrouble runs the table of troubles.
func TestServerTrouble(t *testing.T) {
	s := connect(t)
	server, err := url.Parse(s.endpoint)
	require.NoError(t, err)
	account := server.Path
	server.Path = ""
	through := func(tb testing.TB, endpoint, container, prefix string, o *ufs.Options) *ufs.Store {
		st, err := azufs.Open(tb.Context(), container, prefix, &azufs.Options{Endpoint: endpoint + account, PartSize: mib, InFlight: 4 * mib, UFS: o})
		require.NoError(tb, err)
		tb.Cleanup(func() { require.NoError(tb, st.Close()) })
		return st
	}
	h := troubletest.Harness{
		Target: server.String(), Kind: kind, PartSize: mib, Refuse: refuse, Passing: []int{500, 503}, Busy: []int{503, 429},
		Open: func(tb testing.TB, endpoint string, o *ufs.Options) *ufs.Store {
			return through(tb, endpoint, s.name, rand.Text(), o)
		},
		Put: func(tb testing.TB, st *ufs.Store, key string, data []byte) {
			s.put(tb, s.prefixOf(st)+"/"+key, data, nil)
		},
		Get: func(tb testing.TB, st *ufs.Store, key string) ([]byte, bool) {
			_, err := s.c.NewBlobClient(s.prefixOf(st)+"/"+key).GetProperties(tb.Context(), nil)
			if bloberror.HasCode(err, bloberror.BlobNotFound) {
				return nil, false
			}
			require.NoError(tb, err)
			return read(t, s.open(tb, s.prefixOf(st)), key), true
		},
		Leftovers: func(tb testing.TB, st *ufs.Store) int { return s.leftovers(tb, s.prefixOf(st)) },
		Pinned: func(r *http.Request, version string) bool {
			return strings.Trim(r.Header.Get("If-Match"), `"`) == version
		},
		WrongClock: func(_ testing.TB, p *faultproxy.Proxy, st *ufs.Store) (*ufs.Store, string) {
			h := http.Header{"Date": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}, "X-Ms-Error-Code": {string(bloberror.AuthenticationFailed)}}
			p.On(faultproxy.Rule{Kinds: []string{troubletest.Get}, Fault: faultproxy.Answer(http.StatusForbidden, h, "")})
			return st, "this machine's clock is"
		},
		NoBucket: func(tb testing.TB, endpoint string) *ufs.Store {
			return through(tb, endpoint, "no-such-container", "p", nil)
		},
		Expiring: func(tb testing.TB, p *faultproxy.Proxy, st *ufs.Store) (*ufs.Store, func() int) {
			return s.expiring(tb, p, account, s.prefixOf(st))
		},
	}
	troubletest.Run(t, h)
	t.Run("flipped_byte_is_fetched_again_by_cachefs", func(t *testing.T) {
		for _, size := range []int64{100_000, 3*mib - 7} { // sent whole, which has an MD5, and by blocks, which has not
			p, err := faultproxy.Start(server.String(), kind)
			require.NoError(t, err)
			defer p.Close()
			cachefstest.Flipped(t, p, h.Open(t, p.URL(), &ufs.Options{DisableHedge: true}), troubletest.Get, size, mib)
		}
	})
	t.Run("range_that_is_too_long_for_a_sum", func(t *testing.T) { longRange(t, h) })
	t.Run("stalled_store_leaves_cached_data_and_other_mounts", func(t *testing.T) {
		p, err := faultproxy.Start(server.String(), kind)
		require.NoError(t, err)
		defer p.Close()
		cachefstest.Stall(t, p, func(o *ufs.Options) *ufs.Store { return h.Open(t, p.URL(), o) }, s.open(t, rand.Text()))
	})
}

// longRange: of more than 4 MiB Azure tells no MD5, and refuses who asks.
func longRange(t *testing.T, h troubletest.Harness) {
	p, err := faultproxy.Start(h.Target, kind)
	require.NoError(t, err)
	defer p.Close()
	st := h.Open(t, p.URL(), &ufs.Options{DisableHedge: true})
	const size = 5 * mib
	cachefstest.Put(t, st, "f", strings.Repeat("0123456789abcdef", size/16))
	for n, asks := range map[int]string{4*mib - 1: "true", 4 * mib: "true", 4*mib + 1: "", size: ""} {
		var asked []string
		p.Reset()
		p.On(faultproxy.Rule{Kinds: []string{troubletest.Get}, Match: func(r *http.Request) bool {
			asked = append(asked, r.Header.Get("X-Ms-Range-Get-Content-Md5"))
			return false
		}})
		got, err := st.ReadAt(t.Context(), "f", "", make([]byte, n), 0)
		require.NoError(t, err, n)
		require.Equal(t, n, got)
		require.Equal(t, []string{asks}, asked, n)
	}
}
