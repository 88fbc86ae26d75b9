package swiftufs_test

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ncw/swift/v2"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/swiftufs"
)

// behind is a place behind a proxy.
type behind struct {
	*server
	*faultproxy.Proxy
	prefix string
	store  *ufs.Store
}

// through opens a place by way of a proxy that knows requests by their kinds.
func (s *server) through(t *testing.T, kind func(*http.Request) string) *behind {
	p, err := faultproxy.Start(strings.TrimSuffix(os.Getenv("ST_AUTH"), "/auth/v1.0"), kind)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	b := &behind{server: s, Proxy: p, prefix: rand.Text()}
	b.open(t)
	return b
}

// open opens the place anew: what was learned of the server is forgotten.
func (b *behind) open(t *testing.T) {
	var err error
	b.store, err = swiftufs.Open(t.Context(), b.name, b.prefix, &swiftufs.Options{
		PartSize: mib, InFlight: 4 * mib,
		UFS: &ufs.Options{Attempts: 3, BaseDelay: 5 * time.Millisecond, MaxDelay: 20 * time.Millisecond, DisableHedge: true},
		Connect: func(c *swift.Connection) error {
			err := c.ApplyEnvironment()
			c.AuthUrl = b.URL() + "/auth/v1.0"
			return err
		},
	})
	require.NoError(t, err)
	st := b.store
	t.Cleanup(func() { require.NoError(t, st.Close()) })
}

// write writes a file of bytes that are all the same.
func (b *behind) write(t *testing.T, key string, of byte, size int) error {
	w, err := b.store.Create(t.Context(), key, ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write(bytes.Repeat([]byte{of}, size))
	if err == nil {
		_, err = w.Commit(t.Context())
	}
	if err != nil {
		require.NoError(t, w.Abort(t.Context()))
	}
	return err
}

// put writes a file as a stranger does.
func (b *behind) put(t *testing.T, key, content string) {
	t.Helper()
	require.NoError(t, b.c.ObjectPutString(t.Context(), b.name, b.prefix+"/"+key, content, ""))
}

// holds asserts a file's content, past the proxy.
func (b *behind) holds(t *testing.T, key string, of byte, size int) {
	t.Helper()
	got, err := b.c.ObjectGetBytes(t.Context(), b.name, b.prefix+"/"+key)
	require.NoError(t, err)
	require.True(t, bytes.Equal(bytes.Repeat([]byte{of}, size), got))
}

// call names requests by what users pay for.
func call(r *http.Request) string {
	k := kind(r)
	switch {
	case r.Method == http.MethodDelete && strings.Contains(r.URL.Path, "_segments/"):
		return "delete segment"
	case r.Method == http.MethodDelete:
		return "delete"
	case r.Method == http.MethodGet && r.URL.Query().Has("multipart-manifest"):
		return "manifest"
	case strings.HasPrefix(k, "PUT "):
		return "container"
	}
	return k
}
