package httpufs_test

import (
	"crypto/sha256"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/httpufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a web server over a directory.
type site struct {
	dir string
	url string

	mu     sync.Mutex
	denied map[string]bool // paths
	asked  []string        // "METHOD path"
}

func newSite(t testing.TB, style func(dir string) http.Handler) *site {
	s := &site{dir: t.TempDir(), denied: map[string]bool{}}
	h := style(s.dir)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		denied := s.denied[r.URL.Path]
		s.mu.Unlock()
		if denied {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	s.url = srv.URL + "/"
	return s
}

// requests are those since the last call.
func (s *site) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.asked
	s.asked = nil
	return was
}

func (s *site) deny(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied[path] = true
}

func (s *site) put(t testing.TB, key, data string) {
	t.Helper()
	p := filepath.Join(s.dir, filepath.FromSlash(key))
	require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
	require.NoError(t, os.WriteFile(p, []byte(data), 0o644))
}

func (s *site) open(t testing.TB, o *httpufs.Options) *ufs.Store {
	t.Helper()
	store, err := httpufs.Open(t.Context(), s.url, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

func golang(dir string) http.Handler { return http.FileServer(http.Dir(dir)) }

var nginxPage = template.Must(template.New("").Parse(`<html>
<head><title>Index of {{.Path}}</title></head>
<body bgcolor="white">
<h1>Index of {{.Path}}</h1><hr><pre><a href="../">../</a>
{{range .Names}}<a href="{{.Href}}">{{.Text}}</a>          22-Nov-2026 10:00        1530
{{end}}</pre><hr></body>
</html>`))

// nginx has strong ETags, and pages as nginx makes them.
func nginx(dir string) http.Handler {
	type link struct{ Href, Text string }
	files := http.FileServer(http.Dir(dir))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := filepath.Join(dir, filepath.FromSlash(r.URL.Path))
		if !strings.HasSuffix(r.URL.Path, "/") {
			if data, err := os.ReadFile(p); err == nil {
				w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(data))[:18]+`"`)
			}
			files.ServeHTTP(w, r)
			return
		}
		list, err := os.ReadDir(p)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		var names []link
		for _, e := range list {
			n := e.Name()
			if e.IsDir() {
				n += "/"
			}
			names = append(names, link{(&url.URL{Path: n}).String(), n})
		}
		w.Header().Set("Content-Type", "text/html")
		_ = nginxPage.Execute(w, map[string]any{"Path": r.URL.Path, "Names": names})
	})
}

// plain has neither listings nor ranges nor conditions.
func plain(dir string) http.Handler {
	files := http.FileServer(http.Dir(dir))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") {
			http.Error(w, "no listings", http.StatusForbidden)
			return
		}
		for _, h := range []string{"Range", "If-Match", "If-Unmodified-Since"} {
			r.Header.Del(h)
		}
		files.ServeHTTP(w, r)
	})
}

func TestConformance(t *testing.T) {
	for name, style := range map[string]func(string) http.Handler{"go": golang, "nginx": nginx, "plain": plain} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			sites := map[*ufs.Store]*site{}
			at := func(s *ufs.Store) *site {
				mu.Lock()
				defer mu.Unlock()
				return sites[s]
			}
			ufstest.Run(t, ufstest.Harness{
				Open: func(tb testing.TB) *ufs.Store {
					p := newSite(tb, style)
					s := p.open(tb, nil)
					mu.Lock()
					defer mu.Unlock()
					sites[s] = p
					return s
				},
				Second: func(tb testing.TB, s *ufs.Store) *ufs.Store { return at(s).open(tb, nil) },
				PutRaw: func(tb testing.TB, s *ufs.Store, key string, data []byte) { at(s).put(tb, key, string(data)) },
				Deny: func(_ testing.TB, s *ufs.Store, key string) *ufs.Store {
					at(s).deny("/" + key)
					return s
				},
			})
		})
	}
}
