package gcsufs_test

import (
	"crypto/rand"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/gcsufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

// known are defects of fake-gcs-server 1.56.1; TestServerDefects shows them.
var known = map[int]string{
	32: "fake-gcs-server counts objects alone against maxResults: each page has all prefixes beside",
}

// TestServerConformance runs the table with JSON reads and with XML reads.
func TestServerConformance(t *testing.T) {
	s := connect(t)
	json, xml := s.options(), s.options()
	xml.XMLReads = true
	for name, o := range map[string]gcsufs.Options{"json": json, "xml": xml} {
		t.Run(name, func(t *testing.T) {
			prefixes := map[*ufs.Store]string{}
			ufstest.Run(t, ufstest.Harness{
				Known: known,
				Open: func(tb testing.TB) *ufs.Store {
					prefix := rand.Text()
					st := s.open(tb, prefix, o)
					prefixes[st] = prefix
					return st
				},
				Second: func(tb testing.TB, st *ufs.Store) *ufs.Store { return s.open(tb, prefixes[st], o) },
				PutRaw: func(tb testing.TB, st *ufs.Store, key string, data []byte) { s.put(tb, prefixes[st]+"/"+key, data) },
				Deny:   func(tb testing.TB, st *ufs.Store, _ string) *ufs.Store { return s.denied(tb, prefixes[st], o) },
			})
		})
	}
}

// denied opens a place behind a proxy that answers as Google does to those who may do nothing: the server lets everybody
// do everything, as TestServerDefects shows.
func (s *server) denied(tb testing.TB, prefix string, o gcsufs.Options) *ufs.Store {
	p, err := faultproxy.Start(s.endpoint, kind)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, p.Close()) })
	p.On(faultproxy.Rule{Fault: refuse(http.StatusForbidden, 0)})
	o.Endpoint = p.URL()
	return s.open(tb, prefix, o)
}
