package azufs_test

import (
	"fmt"
	"maps"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/azufs"
)

// counter counts what goes to the service: HEAD, GET, LIST, PUT, DELETE.
type counter struct {
	http.RoundTripper
	mu struct {
		sync.Mutex
		n map[string]int
	}
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	kind := r.Method
	if r.URL.Query().Get("comp") == "list" {
		kind = "LIST"
	}
	c.mu.Lock()
	c.mu.n[kind]++
	c.mu.Unlock()
	return c.RoundTripper.RoundTrip(r)
}

// since is what was counted since the last call.
func (c *counter) since() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := maps.Clone(c.mu.n)
	clear(c.mu.n)
	return was
}

// TestServerRequests asserts the table of the package's description.
func TestServerRequests(t *testing.T) {
	s := connect(t)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	c := &counter{RoundTripper: transport}
	c.mu.n = map[string]int{}
	st, err := azufs.Open(t.Context(), s.name, "p", &azufs.Options{Endpoint: s.endpoint, PartSize: mib, Client: &http.Client{Transport: c}})
	require.NoError(t, err)
	require.Equal(t, map[string]int{"GET": 1}, c.since(), "opening the place")

	require.NoError(t, write(t, st, "small", []byte("x"), ufs.CreateOptions{}))
	require.Equal(t, map[string]int{"PUT": 1}, c.since(), "a file of one block")
	require.NoError(t, write(t, st, "large", make([]byte, 4*mib-1), ufs.CreateOptions{}))
	require.Equal(t, map[string]int{"PUT": 5}, c.since(), "four blocks and their list")
	a, err := st.Stat(t.Context(), "large")
	require.NoError(t, err)
	require.Equal(t, map[string]int{"HEAD": 1}, c.since(), "Stat")
	_, err = st.ReadAt(t.Context(), "large", a.Version, make([]byte, mib), mib)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"GET": 1}, c.since(), "a range")

	w, err := st.Create(t.Context(), "given up", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write(make([]byte, 4*mib-1))
	require.NoError(t, err)
	require.NoError(t, w.Abort(t.Context()))
	require.Equal(t, map[string]int{"PUT": 3, "HEAD": 1, "DELETE": 1}, c.since(), "three blocks that are dropped")
	_, err = st.Copy(t.Context(), "large", "copy", "")
	require.NoError(t, err)
	require.Equal(t, map[string]int{"PUT": 1, "HEAD": 1}, c.since(), "Copy")

	for i := range 25 {
		s.put(t, fmt.Sprintf("p/dir/n%02d", i), nil, nil)
	}
	for _, limit := range []int{0, 10} {
		o := ufs.ListOptions{Prefix: "dir", Limit: limit}
		require.Len(t, keys(t, st, o), 25)
	}
	require.Equal(t, map[string]int{"LIST": 1 + 3}, c.since(), "25 names in a page, and in pages of 10")
	require.NoError(t, st.Delete(t.Context(), "small"))
	require.Equal(t, map[string]int{"HEAD": 1, "DELETE": 1}, c.since(), "Delete")
}
