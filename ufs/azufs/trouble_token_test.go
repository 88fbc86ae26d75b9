package azufs_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/azufs"
)

// tokens hands out token1, which is old, then token2.
type tokens struct{ asked atomic.Int32 }

func (p *tokens) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if p.asked.Add(1) > 1 {
		return azcore.AccessToken{Token: "token2", ExpiresOn: time.Now().Add(time.Hour)}, nil
	}
	return azcore.AccessToken{Token: "token1", ExpiresOn: time.Now().Add(-time.Minute)}, nil
}

// entrance checks tokens for azurite, which takes none over http: what it lets in it signs with a signature of the
// container's own.
type entrance struct {
	http.RoundTripper
	to     *url.URL
	sas    url.Values
	checks atomic.Bool // lets only token2 in
}

func (e *entrance) RoundTrip(r *http.Request) (*http.Response, error) {
	if e.checks.Load() && r.Header.Get("Authorization") != "Bearer token2" {
		return say(r, http.StatusUnauthorized, "InvalidAuthenticationInfo"), nil
	}
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	r.URL.Scheme, r.URL.Host, r.Host = e.to.Scheme, e.to.Host, ""
	q := r.URL.Query()
	maps.Copy(q, e.sas)
	r.URL.RawQuery = q.Encode()
	return e.RoundTripper.RoundTrip(r)
}

// expiring opens a place with a provider whose first token has expired when it was used once.
func (s *server) expiring(tb testing.TB, p *faultproxy.Proxy, account, prefix string) (*ufs.Store, func() int) {
	signed, err := s.c.GetSASURL(sas.ContainerPermissions{Read: true, List: true}, time.Now().Add(time.Hour), nil)
	require.NoError(tb, err)
	_, query, _ := strings.Cut(signed, "?")
	e := &entrance{RoundTripper: http.DefaultTransport.(*http.Transport).Clone()}
	tb.Cleanup(e.RoundTripper.(*http.Transport).CloseIdleConnections)
	e.to, err = url.Parse(p.URL())
	require.NoError(tb, err)
	e.sas, err = url.ParseQuery(query)
	require.NoError(tb, err)
	provider := new(tokens)
	st, err := azufs.Open(tb.Context(), s.name, prefix, &azufs.Options{Endpoint: "https://azurite" + account, Credential: provider, Client: &http.Client{Transport: e}})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, st.Close()) })
	e.checks.Store(true)
	return st, func() int { return int(provider.asked.Load()) }
}
