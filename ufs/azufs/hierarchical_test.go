package azufs_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// lake answers as an account with a hierarchical namespace does, by Azure's documents: azurite has none. It maps names of
// the container "box" to whether they are directories.
type lake map[string]bool

// folderMark is how the SDK writes it: not canonical.
var folderMark = "x-ms-meta-hdi_isfolder"

func (l lake) answer(r *http.Request) *http.Response {
	name := strings.TrimPrefix(r.URL.Path, "/box/")
	q := r.URL.Query()
	dir, there := l[name]
	switch {
	case q.Get("restype") == "account":
		return say(r, 200, "", "x-ms-is-hns-enabled", "true")
	case q.Get("comp") == "list":
		return l.list(r, q.Get("prefix"), q.Get("delimiter"))
	case r.Method == http.MethodPut:
		for up := path.Dir(name); up != "."; up = path.Dir(up) {
			l[up] = true
		}
		l[name] = slices.Equal(r.Header[folderMark], []string{"true"})
		return say(r, 201, "", "ETag", `"1"`)
	case !there:
		return say(r, 404, "BlobNotFound")
	case r.Method == http.MethodDelete:
		if dir && slices.ContainsFunc(slices.Collect(maps.Keys(l)), func(n string) bool { return strings.HasPrefix(n, name+"/") }) {
			return say(r, 409, "DirectoryIsNotEmpty")
		}
		delete(l, name)
		return say(r, 202, "")
	case dir:
		return say(r, 200, "", "x-ms-meta-hdi_isfolder", "true")
	}
	return say(r, 200, "", "ETag", `"1"`)
}

func (l lake) list(r *http.Request, prefix, delimiter string) *http.Response {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(l)) {
		rest, below := strings.CutPrefix(name, prefix)
		switch {
		case !below || delimiter != "" && strings.Contains(rest, "/"):
		case l[name] && delimiter != "":
			fmt.Fprintf(&b, "<BlobPrefix><Name>%s/</Name></BlobPrefix>", name)
		case l[name]:
			fmt.Fprintf(&b, "<Blob><Name>%s</Name><Properties><ResourceType>directory</ResourceType></Properties></Blob>", name)
		default:
			fmt.Fprintf(&b, "<Blob><Name>%s</Name><Properties><Etag>1</Etag></Properties></Blob>", name)
		}
	}
	a := say(r, 200, "", "Content-Type", "application/xml")
	a.Header.Del("Content-Length")
	a.Body = io.NopCloser(strings.NewReader("<EnumerationResults><Blobs>" + b.String() + "</Blobs><NextMarker/></EnumerationResults>"))
	return a
}

func TestHierarchicalNamespace(t *testing.T) {
	l := lake{}
	s := told(t, l.answer)
	require.NoError(t, s.Mkdir(t.Context(), "a/b", true, 0))
	require.Equal(t, lake{"p": true, "p/a": true, "p/a/b": true}, l, "directories are made by their own names")
	a, err := s.Stat(t.Context(), "a/b")
	require.NoError(t, err)
	require.True(t, a.Dir, "an empty directory")
	require.Equal(t, map[string]bool{}, keys(t, s, ufs.ListOptions{Prefix: "a/b"}))

	require.NoError(t, create(t.Context(), s))
	require.Equal(t, map[string]bool{"a": true, "f": false}, keys(t, s, ufs.ListOptions{}))
	require.Equal(t, map[string]bool{"a": true, "a/b": true, "f": false}, keys(t, s, ufs.ListOptions{Recursive: true}))
	_, _, err = s.Open(t.Context(), "a", 0, -1, "")
	require.ErrorIs(t, err, driver.ErrIsDir)

	require.ErrorIs(t, s.Delete(t.Context(), "a"), driver.ErrNotEmpty)
	require.NoError(t, s.Delete(t.Context(), "a/b"))
	require.NoError(t, s.Delete(t.Context(), "a"))
	require.ErrorIs(t, s.Delete(t.Context(), "a"), driver.ErrNotExist)
	require.Equal(t, lake{"p": true, "p/f": false}, l)
}

// keys lists.
func keys(t testing.TB, s *ufs.Store, o ufs.ListOptions) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for a, err := range s.List(t.Context(), o) {
		require.NoError(t, err)
		require.NotContains(t, all, a.Key, "listed twice")
		all[a.Key] = a.Dir
	}
	return all
}
