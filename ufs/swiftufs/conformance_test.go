package swiftufs_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"testing"

	"github.com/ncw/swift/v2"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/swiftufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

func TestServerConformance(t *testing.T) {
	s := connect(t)
	ufstest.Run(t, ufstest.Harness{
		Open:   func(tb testing.TB) *ufs.Store { return s.open(tb, rand.Text()) },
		Second: func(tb testing.TB, st *ufs.Store) *ufs.Store { return s.open(tb, s.prefixOf(st)) },
		PutRaw: func(tb testing.TB, st *ufs.Store, key string, data []byte) {
			require.NoError(tb, s.c.ObjectPutBytes(tb.Context(), s.name, s.prefixOf(st)+"/"+key, data, ""))
		},
		Deny:      func(tb testing.TB, st *ufs.Store, _ string) *ufs.Store { return s.asStranger(tb, s.prefixOf(st)) },
		Leftovers: func(tb testing.TB, st *ufs.Store) int { return len(s.leftovers(tb, s.prefixOf(st))) },
	})
}

// asStranger opens a place as a user of another account, who has no rights there.
func (s *server) asStranger(tb testing.TB, prefix string) *ufs.Store {
	st, err := swiftufs.Open(tb.Context(), s.name, prefix, &swiftufs.Options{Connect: func(c *swift.Connection) error {
		c.Auth = &stranger{account: s.c.StorageUrl}
		return nil
	}})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, st.Close()) })
	return st
}

// stranger logs in as somebody else and then asks for another's account, which the library by itself never does.
type stranger struct{ account, token string }

func (s *stranger) Request(ctx context.Context, _ *swift.Connection) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv("ST_AUTH"), nil)
	if err == nil {
		r.Header.Set("X-Auth-User", os.Getenv("MILLPOND_SWIFT_STRANGER"))
		r.Header.Set("X-Auth-Key", os.Getenv("MILLPOND_SWIFT_STRANGER_KEY"))
	}
	return r, err
}

func (s *stranger) Response(_ context.Context, resp *http.Response) error {
	s.token = resp.Header.Get("X-Auth-Token")
	return nil
}

func (s *stranger) StorageUrl(bool) string { return s.account }
func (s *stranger) Token() string          { return s.token }
func (s *stranger) CdnUrl() string         { return "" }
