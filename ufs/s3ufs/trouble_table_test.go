package s3ufs_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/s3ufs"
	"github.com/millpond/millpond/ufs/troubletest"
)

// refuse answers as S3 does.
func refuse(status int, after time.Duration) faultproxy.Fault {
	code := map[int]string{500: "InternalError", 503: "SlowDown", 429: "TooManyRequests", 403: "AccessDenied"}[status]
	if code == "" {
		return faultproxy.Answer(status, nil, "no XML")
	}
	return faultproxy.S3Error(status, code, after)
}

// TestServerTrouble runs the table of troubles.
func TestServerTrouble(t *testing.T) {
	v := realServer(t)
	prefixes := map[*ufs.Store]string{}
	const part = 5 << 20
	h := troubletest.Harness{
		Target: v.endpoint, Kind: faultproxy.S3, PartSize: part, Refuse: refuse, Passing: []int{500, 502, 503, 429}, Busy: []int{503, 429},
		Open: func(tb testing.TB, endpoint string, o *ufs.Options) *ufs.Store {
			prefix := place()
			s := v.open(tb, prefix, s3ufs.Options{Endpoint: endpoint, PartSize: part, UFS: o})
			prefixes[s] = prefix
			return s
		},
		Put:       func(tb testing.TB, s *ufs.Store, key string, data []byte) { v.put(tb, prefixes[s]+key, data) },
		Get:       func(tb testing.TB, s *ufs.Store, key string) ([]byte, bool) { return v.get(tb, prefixes[s]+key) },
		Leftovers: func(tb testing.TB, s *ufs.Store) int { return v.uploads(tb, prefixes[s]) },
		Pinned: func(r *http.Request, version string) bool {
			return strings.Trim(r.Header.Get("If-Match"), `"`) == version
		},
		// What the SDK learns of the store's clock does not help here: it would mend this by itself.
		WrongClock: func(tb testing.TB, _ *faultproxy.Proxy, s *ufs.Store) (*ufs.Store, string) {
			behind := &signer{off: -time.Hour}
			tb.Cleanup(behind.CloseIdleConnections)
			return v.open(tb, prefixes[s], s3ufs.Options{HTTPClient: &http.Client{Transport: behind}}), s3ufs.ErrClock.Error()
		},
		Expiring: func(tb testing.TB, p *faultproxy.Proxy, s *ufs.Store) (*ufs.Store, func() int) {
			k := &keys{from: 2}
			p.On(faultproxy.Rule{Match: signedBy("expired"), Fault: faultproxy.S3Error(400, "ExpiredToken", 0)})
			return v.open(tb, prefixes[s], s3ufs.Options{Endpoint: p.URL(), Credentials: k}), func() int { return int(k.asked.Load()) }
		},
		NoBucket: func(tb testing.TB, endpoint string) *ufs.Store {
			s, err := s3ufs.Open(tb.Context(), "no-such-bucket", "", &s3ufs.Options{Endpoint: endpoint})
			require.NoError(tb, err)
			tb.Cleanup(func() { require.NoError(tb, s.Close()) })
			return s
		},
	}
	if isOld() {
		h.Known = map[string]string{"flipped_byte_is_found_by_checksum": tellsNoSums}
	}
	troubletest.Run(t, h)
	t.Run("stalled_store_leaves_cached_data_and_other_mounts", func(t *testing.T) {
		p, err := faultproxy.Start(v.endpoint, faultproxy.S3)
		require.NoError(t, err)
		defer p.Close()
		cachefstest.Stall(t, p, func(o *ufs.Options) *ufs.Store { return h.Open(t, p.URL(), o) }, v.open(t, place(), s3ufs.Options{}))
	})
}
