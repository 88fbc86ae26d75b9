package swiftufs_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/ncw/swift/v2"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/swiftufs"
	"github.com/millpond/millpond/ufs/troubletest"
)

// TestServerEventualListings: a listing does not have yet what was just written, as Swift's may for seconds. It is found by
// its name all the same, and deleted by it.
func TestServerEventualListings(t *testing.T) {
	s := connect(t)
	p, err := faultproxy.Start(strings.TrimSuffix(os.Getenv("ST_AUTH"), "/auth/v1.0"), kind)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	st, err := swiftufs.Open(t.Context(), s.name, "p", &swiftufs.Options{
		UFS: &ufs.Options{Attempts: 1},
		Connect: func(c *swift.Connection) error {
			err := c.ApplyEnvironment()
			c.AuthUrl = p.URL() + "/auth/v1.0"
			return err
		},
	})
	require.NoError(t, err)
	defer st.Close()
	p.On(faultproxy.Rule{Kinds: []string{troubletest.List}, Fault: faultproxy.Answer(http.StatusOK, http.Header{"Content-Type": {"application/json"}}, "[]")})
	w, err := st.Create(t.Context(), "f", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write([]byte("content"))
	require.NoError(t, err)
	made, err := w.Commit(t.Context())
	require.NoError(t, err)
	page, err := st.ListPage(t.Context(), ufs.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, page.Entries, "it lags")

	a, err := st.Stat(t.Context(), "f")
	require.NoError(t, err)
	require.Equal(t, made.Version, a.Version)
	got := make([]byte, 7)
	_, err = st.ReadAt(t.Context(), "f", a.Version, got, 0)
	require.NoError(t, err)
	require.Equal(t, "content", string(got))
	staysInTheNamespace(t, st)
	require.NoError(t, st.Delete(t.Context(), "f"))
	_, err = st.Stat(t.Context(), "f")
	require.ErrorIs(t, err, driver.ErrNotExist)
}

// staysInTheNamespace writes a file through a node, which then lists its directory without it.
func staysInTheNamespace(t *testing.T, st *ufs.Store) {
	n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/s", Store: st}}})
	require.NoError(t, err)
	defer n.Close()
	w, err := n.Create(t.Context(), "/s/g", nil)
	require.NoError(t, err)
	_, err = w.Write([]byte("content"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for range 2 {
		var names []string
		for info, err := range n.List(t.Context(), "/s", &cachefs.ListOptions{Sync: true}) {
			require.NoError(t, err)
			names = append(names, info.Name())
		}
		require.Equal(t, []string{"g"}, names, "f is known to nobody here, and in no listing")
		require.Equal(t, "content", cachefstest.At(t, n, "/s/g"))
	}
	require.Equal(t, "content", cachefstest.At(t, n, "/s/f"), "by its name")
	require.NoError(t, n.Remove(t.Context(), "/s/g", nil))
}
