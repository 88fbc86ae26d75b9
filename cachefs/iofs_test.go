package cachefs_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/ufs"
	_ "github.com/millpond/millpond/ufs/fileufs"
)

// tree is what the mounts of these tests hold.
var tree = map[string][]byte{
	"a.txt": []byte("alpha"), "empty": nil, "deep/er/b.txt": content(1, 200_000), "deep/c d?.txt": []byte("%"), "deep/ümlaut": []byte("ü"), "z/z": []byte("z"),
}

// mounts are a store in memory and a directory, both with the tree, at /mem and /dir.
func mounts(t *testing.T) *cachefs.Node {
	dir := t.TempDir()
	c := cachefstest.New(t, 1, func(cfg *cachefs.Config) {
		cfg.BlockSize = 64 << 10
		cfg.Mounts = append(cfg.Mounts, cachefs.MountConfig{Path: "/dir", URL: "file://" + dir})
	})
	for name, data := range tree {
		putStore(t, c, name, data)
		p := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
		require.NoError(t, os.WriteFile(p, data, 0o644))
	}
	return c.Node()
}

func TestIOFS(t *testing.T) {
	n := mounts(t)
	for _, root := range []string{"/mem", "/dir"} {
		t.Run(root, func(t *testing.T) {
			fsys := cachefs.IOFS(t.Context(), n, root)
			require.NoError(t, fstest.TestFS(fsys, slices.Sorted(maps.Keys(tree))...))
			sub, err := fs.Sub(fsys, "deep")
			require.NoError(t, err)
			require.NoError(t, fstest.TestFS(sub, "er/b.txt", "c d?.txt", "ümlaut"))
			for name, want := range tree {
				got, err := fs.ReadFile(fsys, name)
				require.NoError(t, err)
				require.True(t, bytes.Equal(want, got), name)
				_, err = fs.ReadLink(fsys, name)
				require.ErrorIs(t, err, fs.ErrInvalid)
			}
			for _, name := range []string{"none", "deep/none"} {
				_, err := fsys.Open(name)
				require.ErrorIs(t, err, fs.ErrNotExist, name)
				pe, ok := err.(*fs.PathError)
				require.True(t, ok)
				require.Equal(t, name, pe.Path, "the name that was asked for, not ours")
			}
			_, err = fs.Sub(fsys, "a.txt")
			require.ErrorIs(t, err, cachefs.ErrNotDir)
		})
	}
	require.NoError(t, fstest.TestFS(cachefs.IOFS(t.Context(), n, "/"), "mem/a.txt", "dir/deep/ümlaut"))
}

// What an fs.FS may not have is left out, and counted: files being written, names with a backslash, names that are not
// UTF-8.
func TestIOFSHides(t *testing.T) {
	c := cachefstest.New(t, 1)
	n := c.Node()
	for _, name := range []string{"seen", `back\slash`, "not\xffutf8"} {
		putStore(t, c, name, []byte("x"))
	}
	w, err := n.Create(t.Context(), "/mem/writing", nil)
	require.NoError(t, err)
	defer w.Abort()
	fsys := cachefs.IOFS(t.Context(), n, "/mem")
	list, err := fs.ReadDir(fsys, ".")
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "seen", list[0].Name())
	require.EqualValues(t, 3, n.Metrics().HiddenNames)
	for _, name := range []string{`back\slash`, "not\xffutf8"} {
		_, err := fsys.Open(name)
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
	_, err = fsys.Open("../seen")
	require.ErrorIs(t, err, fs.ErrInvalid)
	for _, open := range []func(string) error{
		func(name string) error { return second(fsys.Open(name)) },
		func(name string) error { return second(fs.ReadFile(fsys, name)) },
		func(name string) error { return second(fs.Stat(fsys, name)) },
	} {
		require.ErrorIs(t, open("writing"), fs.ErrNotExist)
	}
	require.NoError(t, w.Close())
	b, err := fs.ReadFile(fsys, "writing")
	require.NoError(t, err)
	require.Empty(t, b)
}

// The context of an IOFS ends its calls and the reads of its files.
func TestIOFSContext(t *testing.T) {
	n := mounts(t)
	ctx, cancel := context.WithCancel(t.Context())
	fsys := cachefs.IOFS(ctx, n, "/mem")
	f, err := fsys.Open("a.txt")
	require.NoError(t, err)
	defer f.Close()
	cancel()
	_, err = f.Read(make([]byte, 1))
	require.ErrorIs(t, err, context.Canceled)
	for _, err := range []error{
		second(fsys.Open("a.txt")), second(fs.Stat(fsys, ".")), second(fs.ReadDir(fsys, ".")), second(fs.ReadFile(fsys, "a.txt")),
	} {
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestIOFSUnderHTTP(t *testing.T) {
	n := mounts(t)
	for _, root := range []string{"/mem", "/dir"} {
		for name, handler := range map[string]http.Handler{
			"FileServerFS": http.FileServerFS(cachefs.IOFS(t.Context(), n, root)),
			"http.FS":      http.FileServer(http.FS(cachefs.IOFS(t.Context(), n, root))),
		} {
			t.Run(name+root, func(t *testing.T) {
				get := func(path string, header ...string) *http.Response {
					r := httptest.NewRequest(http.MethodGet, path, nil)
					for i := 0; i < len(header); i += 2 {
						r.Header.Set(header[i], header[i+1])
					}
					w := httptest.NewRecorder()
					handler.ServeHTTP(w, r)
					return w.Result()
				}
				body := func(r *http.Response) []byte {
					b, err := io.ReadAll(r.Body)
					require.NoError(t, err)
					return b
				}
				big := tree["deep/er/b.txt"]
				r := get("/deep/er/b.txt")
				require.Equal(t, http.StatusOK, r.StatusCode)
				require.True(t, bytes.Equal(big, body(r)))
				modified := r.Header.Get("Last-Modified")
				require.NotEmpty(t, modified)
				require.Equal(t, http.StatusNotModified, get("/deep/er/b.txt", "If-Modified-Since", modified).StatusCode)
				r = get("/deep/er/b.txt", "Range", "bytes=65000-140000") // over three blocks
				require.Equal(t, http.StatusPartialContent, r.StatusCode)
				require.True(t, bytes.Equal(big[65000:140001], body(r)))
				r = get("/deep/er/b.txt", "Range", "bytes=-10")
				require.Equal(t, big[len(big)-10:], body(r))
				require.Equal(t, http.StatusRequestedRangeNotSatisfiable, get("/a.txt", "Range", "bytes=900-").StatusCode)
				require.Equal(t, "%", string(body(get("/deep/c%20d%3F.txt"))))
				require.Contains(t, string(body(get("/deep/"))), "c%20d%3F.txt")
				for _, none := range []string{"/none", "/back%5Cslash", "/not%FFutf8", "/nul%00"} {
					require.Equal(t, http.StatusNotFound, get(none).StatusCode, none)
				}
			})
		}
	}
}

// fs.WalkDir meets what List meets, in the same order.
func TestListIsWalkDir(t *testing.T) {
	n := mounts(t)
	var walked, listed []string
	require.NoError(t, fs.WalkDir(cachefs.IOFS(t.Context(), n, "/dir"), ".", func(path string, _ fs.DirEntry, err error) error {
		if path != "." {
			walked = append(walked, path)
		}
		return err
	}))
	for info, err := range n.List(t.Context(), "/dir", &cachefs.ListOptions{Recursive: true}) {
		require.NoError(t, err)
		listed = append(listed, info.Path()[len("/dir/"):])
	}
	require.Equal(t, walked, listed)
	require.Len(t, listed, len(tree)+3)
	for a := range n.List(t.Context(), "/dir", &cachefs.ListOptions{Recursive: true, StartAfter: "deep/er", Limit: 2}) {
		listed = append(listed, a.Path())
	}
	require.Equal(t, []string{"/dir/deep/er/b.txt", "/dir/deep/ümlaut"}, listed[len(tree)+3:])
}

// A store whose names are no names here serves the others.
func TestSkippedNamesOfAStore(t *testing.T) {
	c := cachefstest.New(t, 1)
	putStore(t, c, "good", []byte("x"))
	w, err := c.Store.Create(t.Context(), "dots/..", ufs.CreateOptions{Parents: true})
	if err == nil {
		_, err = w.Commit(t.Context())
	}
	if err != nil {
		t.Skip("the fake does not take such a name:", err)
	}
	for info, err := range c.Node().List(t.Context(), "/mem", &cachefs.ListOptions{Recursive: true}) {
		require.NoError(t, err)
		require.NotContains(t, info.Path(), "..")
	}
	require.EqualValues(t, 1, c.Node().Metrics().SkippedNames)
}
