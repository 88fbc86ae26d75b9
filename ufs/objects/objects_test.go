package objects_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/millpond/millpond/ufs/objects/objectstest"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type reqs = map[string]int

// open makes a store over a bucket that strangers filled.
func open(o *objectstest.Options, prefix string, names ...string) (driver.Store, *objectstest.Bucket) {
	b := objectstest.New(o)
	for _, n := range names {
		b.Set(n, "content of "+n)
	}
	return objects.New(b, prefix), b
}

// listing walks all pages: "+" before a directory.
func listing(t *testing.T, s driver.Store, o driver.ListOptions) (keys []string, skipped int) {
	t.Helper()
	for {
		p, err := s.List(t.Context(), o)
		require.NoError(t, err)
		skipped += p.Skipped
		for _, a := range p.Entries {
			if a.Dir {
				a.Key = "+" + a.Key
			}
			keys = append(keys, a.Key)
		}
		if o.Token = p.Token; p.Token == "" {
			return keys, skipped
		}
	}
}

func create(t *testing.T, s driver.Store, key, data string) {
	t.Helper()
	w, err := s.Create(t.Context(), key, driver.CreateOptions{})
	require.NoError(t, err)
	_, err = io.WriteString(w, data)
	require.NoError(t, err)
	a, err := w.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, key, a.Key)
}

func TestWhatIsNoPathIsLeftOutAndCounted(t *testing.T) {
	all := []string{"/lead", "a//b", "a/c", "./x", "../x", "a/../y", "d/", "e/", "f", "f-g", "f/hidden", "f/", "z\x00"}
	for _, size := range []int{1, 2, 3, 1000} {
		s, b := open(&objectstest.Options{PageSize: size}, "", all...)
		b.Set("e/", "")
		keys, skipped := listing(t, s, driver.ListOptions{})
		require.Equal(t, []string{"+a", "+d", "+e", "f", "f-g"}, keys, "pages of %d", size)
		require.Equal(t, 5, skipped, `"/", "./", "../", "f/" and "z\0", pages of %d`, size)

		keys, skipped = listing(t, s, driver.ListOptions{Prefix: "a"})
		require.Equal(t, []string{"a/c"}, keys)
		require.Equal(t, 2, skipped, `"a//" and "a/../"`)

		keys, skipped = listing(t, s, driver.ListOptions{Prefix: "d"})
		require.Empty(t, keys)
		require.Equal(t, 1, skipped, "the content of the marker d/")

		keys, skipped = listing(t, s, driver.ListOptions{Recursive: true})
		require.Equal(t, []string{"a/c", "+d", "+e", "f", "f-g"}, keys, "pages of %d", size)
		require.Equal(t, 10, skipped, "pages of %d", size)
	}
}

func TestDirectoriesWithoutMarkers(t *testing.T) {
	for _, order := range []func(a, b string) int{strings.Compare, objectstest.ByComponent} {
		s, _ := open(&objectstest.Options{PageSize: 2, Order: order}, "p/", "p/base/a/1", "p/base/a/2", "p/base/b/1", "p/base/a-b", "q/x")
		keys, skipped := listing(t, s, driver.ListOptions{})
		require.Equal(t, []string{"+base"}, keys)
		require.Zero(t, skipped)
		keys, _ = listing(t, s, driver.ListOptions{Prefix: "base"})
		require.ElementsMatch(t, []string{"+base/a", "base/a-b", "+base/b"}, keys)
		keys, _ = listing(t, s, driver.ListOptions{Prefix: "base", Recursive: true})
		require.ElementsMatch(t, []string{"base/a/1", "base/a/2", "base/b/1", "base/a-b"}, keys)
		for _, dir := range []string{"", "base", "base/a"} {
			a, err := s.Stat(t.Context(), dir)
			require.NoError(t, err)
			require.True(t, a.Dir)
		}
		_, err := s.Stat(t.Context(), "bas")
		require.ErrorIs(t, err, driver.ErrNotExist)
	}
}

func TestStartAfterGoesOnBehindAFileAndBehindADirectory(t *testing.T) {
	for _, size := range []int{1, 2, 1000} {
		s, _ := open(&objectstest.Options{PageSize: size}, "p/", "p/a/1", "p/a/2", "p/a-b", "p/b", "p/c/d")
		whole, _ := listing(t, s, driver.ListOptions{})
		require.Equal(t, []string{"a-b", "+a", "b", "+c"}, whole)
		for i, key := range whole {
			rest, _ := listing(t, s, driver.ListOptions{StartAfter: strings.TrimPrefix(key, "+")})
			require.ElementsMatch(t, whole[i+1:], rest, "after %q", key)
		}
		rest, _ := listing(t, s, driver.ListOptions{Recursive: true, StartAfter: "a/1"})
		require.Equal(t, []string{"a/2", "b", "c/d"}, rest)
	}
}

func TestErrors(t *testing.T) {
	ctx := t.Context()
	s, _ := open(nil, "", "file", "dir/x")
	_, err := s.List(ctx, driver.ListOptions{Prefix: "file"})
	require.ErrorIs(t, err, driver.ErrNotDir)
	_, err = s.List(ctx, driver.ListOptions{Prefix: "none"})
	require.ErrorIs(t, err, driver.ErrNotExist)
	_, err = s.List(ctx, driver.ListOptions{Token: "%zz"})
	require.ErrorIs(t, err, driver.ErrInvalid)
	_, _, err = s.Open(ctx, "dir", 0, -1, "")
	require.ErrorIs(t, err, driver.ErrIsDir)
	_, _, err = s.Open(ctx, "none", 0, -1, "")
	require.ErrorIs(t, err, driver.ErrNotExist)
	require.ErrorIs(t, s.Delete(ctx, "none"), driver.ErrNotExist)
	require.ErrorIs(t, s.Delete(ctx, "dir"), driver.ErrNotEmpty)
	for _, key := range []string{"a//b", "/a", "a/", ".", "a/../b"} {
		_, err = s.Stat(ctx, key)
		require.ErrorIs(t, err, driver.ErrInvalid, key)
		_, err = s.Create(ctx, key, driver.CreateOptions{})
		require.ErrorIs(t, err, driver.ErrInvalid, key)
	}
}

// A store that fails is never taken for one that has nothing.
func TestAFailureIsNotAbsence(t *testing.T) {
	broken := errors.New("503")
	for _, op := range []string{"head", "list"} {
		s, _ := open(&objectstest.Options{OnRequest: func(o, _ string) error {
			if o == op {
				return broken
			}
			return nil
		}}, "")
		_, err := s.Stat(t.Context(), "none")
		require.ErrorIs(t, err, broken)
		require.ErrorIs(t, s.Delete(t.Context(), "none"), broken)
		require.ErrorIs(t, s.(driver.Mkdirer).Mkdir(t.Context(), "none", true, 0), broken)
		_, err = s.List(t.Context(), driver.ListOptions{Prefix: "none"})
		require.ErrorIs(t, err, broken)
	}
}

func TestMkdirOutlivesItsLastChild(t *testing.T) {
	ctx := t.Context()
	s, b := open(nil, "p/", "p/made/by/others")
	mk := s.(driver.Mkdirer)
	require.NoError(t, mk.Mkdir(ctx, "a/b/c", true, 0o755))
	require.Equal(t, []string{"p/a/", "p/a/b/", "p/a/b/c/", "p/made/by/others"}, b.Names())
	create(t, s, "a/b/c/f", "x")
	require.ErrorIs(t, s.Delete(ctx, "a/b/c"), driver.ErrNotEmpty)
	for _, key := range []string{"a/b/c/f", "a/b/c", "a/b", "a"} {
		_, err := s.Stat(ctx, key)
		require.NoError(t, err, key)
		require.NoError(t, s.Delete(ctx, key), key)
	}
	require.ErrorIs(t, mk.Mkdir(ctx, "made", false, 0), driver.ErrExist)
	require.NoError(t, mk.Mkdir(ctx, "made", true, 0))
	require.ErrorIs(t, mk.Mkdir(ctx, "made/by/others", true, 0), driver.ErrExist)
	require.ErrorIs(t, mk.Mkdir(ctx, "made/by/others/x", true, 0), driver.ErrNotDir)
	require.Equal(t, []string{"p/made/by/others"}, b.Names())
}

func TestOpenRanges(t *testing.T) {
	s, b := open(nil, "", "f")
	b.Set("f", "0123456789")
	b.Set("empty", "")
	for _, c := range []struct {
		key    string
		off, n int64
		want   string
	}{{"f", 0, -1, "0123456789"}, {"f", 3, 4, "3456"}, {"f", 8, 9, "89"}, {"f", 4, 0, ""}, {"f", 10, 1, ""}, {"f", 99, -1, ""}, {"empty", 0, -1, ""}, {"empty", 0, 5, ""}} {
		rc, a, err := s.Open(t.Context(), c.key, c.off, c.n, "")
		require.NoError(t, err, "%+v", c)
		got, err := io.ReadAll(rc)
		require.NoError(t, err)
		require.NoError(t, rc.Close())
		require.Equal(t, c.want, string(got), "%+v", c)
		require.NotEmpty(t, a.Version)
	}
	a, err := s.Stat(t.Context(), "f")
	require.NoError(t, err)
	b.Set("f", "0123456789")
	for _, n := range []int64{-1, 0, 5} {
		_, _, err = s.Open(t.Context(), "f", 0, n, a.Version)
		require.ErrorIs(t, err, driver.ErrChanged, "%d bytes", n)
	}
}

// TestRequests holds the table of doc.go: requests are what users pay for.
func TestRequests(t *testing.T) {
	const page = 10
	s, b := open(&objectstest.Options{PageSize: page}, "p/", "p/file", "p/dir/x", "p/full/")
	for i := range 2*page - 1 {
		b.Set(fmt.Sprintf("p/full/%02d/f", i), "x")
	}
	b.Set("p/empty/", "")
	ctx := t.Context()
	do := func(f func(ctx context.Context) error) func() { return func() { _ = f(ctx) } }
	stat := func(key string) func() {
		return do(func(ctx context.Context) error { _, err := s.Stat(ctx, key); return err })
	}
	list := func(key string) func() { return func() { listing(t, s, driver.ListOptions{Prefix: key}) } }
	read := func(key string, off, n int64) func() {
		return do(func(ctx context.Context) error { _, _, err := s.Open(ctx, key, off, n, ""); return err })
	}
	del := func(key string) func() { return do(func(ctx context.Context) error { return s.Delete(ctx, key) }) }
	mkdir := func(key string, parents bool) func() {
		return do(func(ctx context.Context) error { return s.(driver.Mkdirer).Mkdir(ctx, key, parents, 0) })
	}
	for _, c := range []struct {
		what string
		do   func()
		want reqs
	}{
		{"stat file", stat("file"), reqs{"head": 1}},
		{"stat directory", stat("dir"), reqs{"head": 1, "list": 1}},
		{"stat nothing", stat("none"), reqs{"head": 1, "list": 1}},
		{"stat the place", stat(""), reqs{"list": 1}},
		{"stat no path", stat("a//b"), reqs{}},
		{"list 19 directories and a marker", list("full"), reqs{"list": 2}},
		{"list one", list("dir"), reqs{"list": 1}},
		{"list an empty one", list("empty"), reqs{"list": 1}},
		{"list a missing one", do(func(ctx context.Context) error {
			_, err := s.List(ctx, driver.ListOptions{Prefix: "none"})
			return err
		}), reqs{"list": 1, "head": 1}},
		{"open", read("file", 0, -1), reqs{"get": 1}},
		{"open a range", read("file", 2, 3), reqs{"get": 1}},
		{"open nothing of it", read("file", 2, 0), reqs{"head": 1}},
		{"open beyond", read("file", 1000, 1), reqs{"get": 1, "head": 1}},
		{"open a missing one", read("none", 0, -1), reqs{"get": 1, "list": 1}},
		{"create", func() { create(t, s, "new", "x") }, reqs{"put": 1}},
		{"delete a file", del("new"), reqs{"head": 1, "delete": 1}},
		{"delete a directory", del("empty"), reqs{"head": 1, "list": 1, "delete": 1}},
		{"mkdir", mkdir("m", false), reqs{"head": 1, "list": 1, "put": 1}},
		{"mkdir with parents", mkdir("m/1/2", true), reqs{"head": 3, "list": 3, "put": 2}},
		{"delete a batch", do(func(ctx context.Context) error {
			_, err := s.(driver.BatchDeleter).DeleteBatch(ctx, []string{"m/x", "m/y"})
			return err
		}), reqs{"batch": 1}},
		{"copy", do(func(ctx context.Context) error { _, err := s.(driver.Copier).Copy(ctx, "file", "copy", ""); return err }), reqs{"copy": 1}},
	} {
		b.Requests()
		c.do()
		require.Equal(t, c.want, b.Requests(), c.what)
	}
}

func TestPrefix(t *testing.T) {
	for in, want := range map[string]string{"": "", "/": "", "a": "a/", "/a/b/": "a/b/"} {
		got, err := objects.Prefix(in)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, in := range []string{"a//b", "..", "a/./b"} {
		_, err := objects.Prefix(in)
		require.ErrorIs(t, err, driver.ErrInvalid, in)
	}
}

// FuzzListing: whatever names a bucket has, in whatever pages, a listing ends, tells each key once, and only keys that
// Stat finds.
func FuzzListing(f *testing.F) {
	f.Add("a\na/b\na-b\na//c\n/\n..\nd/", 1)
	f.Fuzz(func(t *testing.T, names string, page int) {
		s, _ := open(&objectstest.Options{PageSize: 1 + max(0, page)%5}, "", strings.Split(names, "\n")...)
		for _, recursive := range []bool{false, true} {
			keys, _ := listing(t, s, driver.ListOptions{Recursive: recursive})
			seen := map[string]bool{}
			for _, key := range keys {
				key, dir := strings.CutPrefix(key, "+")
				require.False(t, seen[key], "%q twice", key)
				seen[key] = true
				a, err := s.Stat(t.Context(), key)
				require.NoError(t, err)
				require.Equal(t, dir, a.Dir, key)
			}
		}
	})
}

// FuzzToken: a token that somebody made up is refused or followed, never a panic.
func FuzzToken(f *testing.F) {
	f.Add("next=x&file=a")
	f.Fuzz(func(t *testing.T, token string) {
		if token == "" {
			return
		}
		s, _ := open(nil, "", "a", "b/c")
		_, err := s.List(t.Context(), driver.ListOptions{Token: token})
		require.True(t, err == nil || errors.Is(err, driver.ErrInvalid), "%v", err)
	})
}
