package cachefs_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	_ "github.com/millpond/millpond/ufs/httpufs" // http
)

// TestOverAWebServer mounts what a web server shows: a second pass over it makes no request.
func TestOverAWebServer(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "d/b", "d/e/c"} {
		p := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
		require.NoError(t, os.WriteFile(p, []byte("content of "+name), 0o644))
		require.NoError(t, os.Chtimes(p, time.Now(), time.Now().Add(-time.Hour)))
	}
	var requests atomic.Int64
	files := http.FileServer(http.Dir(dir))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		files.ServeHTTP(w, r)
	}))
	defer srv.Close()
	n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/web", URL: srv.URL}}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	pass := func() {
		t.Helper()
		count := 0
		for in, err := range n.List(t.Context(), "/web", &cachefs.ListOptions{Recursive: true}) {
			require.NoError(t, err)
			if in.IsDir() {
				continue
			}
			count++
			require.Equal(t, "content of "+in.Path()[len("/web/"):], string(readAll(t, n, in.Path())))
		}
		require.Equal(t, 3, count)
	}
	pass()
	before := requests.Load()
	require.Positive(t, before)
	pass()
	require.Equal(t, before, requests.Load(), "requests of the second pass")
	_, err = n.Create(t.Context(), "/web/new", nil)
	require.True(t, errors.Is(err, cachefs.ErrReadOnly), "%v", err)
	require.Equal(t, before, requests.Load(), "nobody asks a store that takes no changes whether it has the name")
	mounts, err := n.Mounts(t.Context())
	require.NoError(t, err)
	require.True(t, mounts[0].ReadOnly)
}
