package hdfsufs_test

import (
	"context"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/hdfsufs"
)

// trouble is a place behind two fault proxies: one before the NameNode, one before the DataNode.
type trouble struct {
	*server
	names, data *faultproxy.TCP
	dir         string
	store       *ufs.Store
}

// quick are retries that a test can wait for.
func quick() *ufs.Options {
	return &ufs.Options{Attempts: 3, BaseDelay: 5 * time.Millisecond, MaxDelay: 20 * time.Millisecond}
}

func newTrouble(t *testing.T, o *ufs.Options) *trouble {
	v := &trouble{server: realServer(t)}
	v.dir = v.place(t)
	v.names, v.data = proxy(t, v.namenode), proxy(t, os.Getenv("MILLPOND_HDFS_DATANODE"))
	if o == nil {
		o = quick()
	}
	v.store = v.open(t, v.dir, hdfsufs.Options{UFS: o, BlockSize: 2 << 20, Dial: v.dial})
	return v
}

func proxy(t *testing.T, target string) *faultproxy.TCP {
	p, err := faultproxy.StartTCP(target)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// dial goes through the proxies.
func (v *trouble) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	to := v.data.Addr()
	if addr == v.namenode {
		to = v.names.Addr()
	}
	return (&net.Dialer{}).DialContext(ctx, network, to)
}

// pattern is n bytes that differ from place to place.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}

// readAll reads a file through the store, as of a version.
func (v *trouble) readAll(t *testing.T, key string) ([]byte, error) {
	t.Helper()
	a, err := v.store.Stat(t.Context(), key)
	require.NoError(t, err)
	rc, _, err := v.store.Open(t.Context(), key, 0, -1, a.Version)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(rc)
}

// writeFile creates a file through the store.
func (v *trouble) writeFile(t *testing.T, key string, data []byte) (ufs.Attr, error) {
	t.Helper()
	w, err := v.store.Create(t.Context(), key, ufs.CreateOptions{})
	require.NoError(t, err)
	if _, err := w.Write(data); err != nil {
		require.NoError(t, w.Abort(t.Context()))
		return ufs.Attr{}, err
	}
	a, err := w.Commit(t.Context())
	if err != nil {
		require.NoError(t, w.Abort(t.Context()))
	}
	return a, err
}

// nothing asserts that neither a file nor a temporary one is there.
func (v *trouble) nothing(t *testing.T, key string) {
	t.Helper()
	_, err := v.client.Stat(v.dir + "/" + key)
	require.ErrorIs(t, err, os.ErrNotExist, "published")
	require.Zero(t, v.temps(t, v.dir), "temporary files are left")
}
