package cachefs_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
)

// goodPath says in the words of SEMANTICS what a path is: absolute, clean, names of any bytes but "/" and NUL.
func goodPath(p string) bool {
	if p == "/" {
		return true
	}
	rel, absolute := strings.CutPrefix(p, "/")
	if !absolute || len(p) > 4096 {
		return false
	}
	for name := range strings.SplitSeq(rel, "/") {
		if name == "" || name == "." || name == ".." || len(name) > 255 || strings.Contains(name, "\x00") {
			return false
		}
	}
	return true
}

// FuzzPath: what is no path is refused, what is one can be written, listed and read under that very name.
func FuzzPath(f *testing.F) {
	for _, p := range []string{
		"", "/", "//", "/a", "a", "/a/", "/a//b", "/.", "/..", "/a/../b", "/...", "/.a", "/a\x00", "/ü/\xff", `/a\b`, "/a?b%20 #",
		"/" + strings.Repeat("n", 255), "/" + strings.Repeat("n", 256), strings.Repeat("/n", 60), strings.Repeat("/"+strings.Repeat("n", 255), 16), strings.Repeat("/"+strings.Repeat("n", 255), 16) + "n",
	} {
		f.Add(p)
	}
	n, err := cachefs.Open(f.Context(), cachefs.Config{})
	require.NoError(f, err)
	f.Cleanup(func() { n.Close() })
	f.Fuzz(func(t *testing.T, p string) {
		if strings.Count(p, "/") > 200 {
			t.Skip("a tree of thousands of levels takes seconds to walk")
		}
		ctx := t.Context()
		w, err := n.Create(ctx, p, &cachefs.CreateOptions{Parents: true})
		if !goodPath(p) {
			require.ErrorIs(t, err, cachefs.ErrInvalid, "%q", p)
			for _, c := range calls {
				require.ErrorIs(t, c.do(ctx, n, p), cachefs.ErrInvalid, "%s %q", c.method, p)
			}
			return
		}
		if p == "/" {
			require.ErrorIs(t, err, cachefs.ErrExist)
			return
		}
		require.NoError(t, err, "%q", p)
		require.NoError(t, w.Close())
		info, err := n.Stat(ctx, p, nil)
		require.NoError(t, err)
		require.Equal(t, p, info.Path())
		require.Equal(t, p[strings.LastIndexByte(p, '/')+1:], info.Name())
		seen := 0
		for info, err := range n.List(ctx, "/", &cachefs.ListOptions{Recursive: true}) {
			require.NoError(t, err)
			if info.Path() == p {
				seen++
			}
		}
		require.Equal(t, 1, seen)
		top := p[:1+strings.IndexByte(p[1:]+"/", '/')]
		require.NoError(t, n.Remove(ctx, top, &cachefs.RemoveOptions{Recursive: true}))
		_, err = n.Stat(ctx, p, nil)
		require.True(t, errors.Is(err, cachefs.ErrNotExist))
	})
}
