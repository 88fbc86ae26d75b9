package gcsufs_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/gcsufs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const part = 256 << 10 // bytes of a part in these tests, the smallest

// server is a bucket of the server that the environment names, and a stranger's handle to it.
type server struct {
	endpoint, name string
	h              *storage.BucketHandle
}

// connect makes a bucket that the test's end removes.
func connect(t *testing.T) *server {
	endpoint := os.Getenv("MILLPOND_GCS_ENDPOINT")
	if endpoint == "" {
		t.Skip("no MILLPOND_GCS_ENDPOINT in the environment: make test-servers starts a server and sets it")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	c, err := storage.NewClient(t.Context(), storage.WithJSONReads(), option.WithEndpoint(endpoint+"/storage/v1/"), option.WithoutAuthentication(), option.WithHTTPClient(&http.Client{Transport: transport}))
	require.NoError(t, err)
	s := &server{endpoint: endpoint, name: "b" + strings.ToLower(rand.Text())}
	s.h = c.Bucket(s.name)
	require.NoError(t, s.h.Create(t.Context(), "millpond", nil))
	t.Cleanup(func() {
		s.empty(t)
		require.NoError(t, s.h.Delete(context.Background()))
		require.NoError(t, c.Close())
		transport.CloseIdleConnections()
	})
	return s
}

// empty deletes all objects: only an empty bucket can be deleted.
func (s *server) empty(t *testing.T) {
	ctx := context.Background()
	for it := s.h.Objects(ctx, nil); ; {
		o, err := it.Next()
		if errors.Is(err, iterator.Done) {
			return
		}
		require.NoError(t, err)
		require.NoError(t, s.h.Object(o.Name).Delete(ctx))
	}
}

func (s *server) options() gcsufs.Options {
	return gcsufs.Options{Endpoint: s.endpoint, Anonymous: true, PartSize: part}
}

func (s *server) open(tb testing.TB, prefix string, o gcsufs.Options) *ufs.Store {
	st, err := gcsufs.Open(tb.Context(), s.name, prefix, &o)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, st.Close()) })
	return st
}

// driver opens a place without the store around it.
func (s *server) driver(tb testing.TB, prefix string) driver.Store {
	d, _, err := gcsufs.OpenDriver(tb.Context(), s.name, prefix, s.options())
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, d.Close()) })
	return d
}

// put writes an object as a stranger does.
func (s *server) put(tb testing.TB, name string, data []byte) {
	w := s.h.Object(name).NewWriter(tb.Context())
	w.ChunkSize = 0
	_, err := w.Write(data)
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
}
