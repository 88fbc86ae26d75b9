package httpufs_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// TestRequests is the table of the package's comment.
func TestRequests(t *testing.T) {
	p := newSite(t, nginx)
	p.put(t, "f", "content")
	p.put(t, "d/a", "")
	p.put(t, "d/e/b", "")
	s := p.open(t, nil)
	require.Equal(t, []string{"GET /"}, p.requests(), "Open of the store")
	ask := func(what string, want []string, do func() error) {
		t.Helper()
		require.NoError(t, do(), what)
		got := p.requests()
		slices.Sort(got)
		require.Equal(t, want, got, what)
	}
	stat := func(key string) func() error {
		return func() error { _, err := s.Stat(t.Context(), key); return err }
	}
	read := func(off, n int64) func() error {
		return func() error {
			rc, _, err := s.Open(t.Context(), "f", off, n, "")
			if err != nil {
				return err
			}
			_, err = io.ReadAll(rc)
			return err
		}
	}
	list := func(o ufs.ListOptions) func() error {
		return func() error {
			for _, err := range s.List(t.Context(), o) {
				if err != nil {
					return err
				}
			}
			return nil
		}
	}
	ask("a file", []string{"HEAD /f"}, stat("f"))
	ask("a directory", []string{"HEAD /d"}, stat("d"))
	ask("the place", []string{"HEAD /"}, stat(""))
	ask("all", []string{"GET /f"}, read(0, -1))
	ask("a range", []string{"GET /f"}, read(2, 3))
	ask("past the end", []string{"GET /f", "HEAD /f"}, read(100, 3))
	ask("a listing", []string{"GET /", "HEAD /f"}, list(ufs.ListOptions{}))
	ask("a recursive one", []string{"GET /", "GET /d/", "GET /d/e/", "HEAD /d/a", "HEAD /d/e/b", "HEAD /f"}, list(ufs.ListOptions{Recursive: true}))
	for i := range 10 {
		p.put(t, fmt.Sprintf("many/%d", i), "")
	}
	require.NoError(t, list(ufs.ListOptions{Prefix: "many", Limit: 3})())
	indexes := 0
	for _, r := range p.requests() {
		if r == "GET /many/" {
			indexes++
		}
	}
	require.Equal(t, 1, indexes, "the index of a listing of four pages")
}

// TestListingLeavesOut what may not be read, once over all pages, and fails for a directory that does not say.
func TestListingLeavesOut(t *testing.T) {
	p := newSite(t, golang)
	for _, f := range []string{"a", "b", "c", "d", "sub/x"} {
		p.put(t, f, f)
	}
	s := p.open(t, nil)
	p.deny("/b")
	p.deny("/d")
	for limit := range 4 {
		var names []string
		skipped := 0
		o := ufs.ListOptions{Limit: limit}
		for {
			page, err := s.ListPage(t.Context(), o)
			require.NoError(t, err)
			for _, a := range page.Entries {
				names = append(names, a.Key)
			}
			skipped += page.Skipped
			if o.Token = page.Token; o.Token == "" {
				break
			}
		}
		require.Equal(t, []string{"a", "c", "sub"}, names)
		require.Equal(t, 2, skipped)
	}
	p.put(t, "page/index.html", "<title>mine</title>")
	_, err := s.ListPage(t.Context(), ufs.ListOptions{Prefix: "page"})
	require.ErrorIs(t, err, driver.ErrUnsupported)
	p.deny("/sub/")
	_, err = s.ListPage(t.Context(), ufs.ListOptions{Recursive: true})
	require.Error(t, err, "a listing without what is in sub would say that it is gone")
}

// TestNoList: a place that does not list has files all the same.
func TestNoList(t *testing.T) {
	p := newSite(t, plain)
	p.put(t, "d/f", "content")
	s := p.open(t, nil)
	require.True(t, s.Caps().NoList)
	a, err := s.Stat(t.Context(), "")
	require.NoError(t, err)
	require.True(t, a.Dir)
	_, err = s.ListPage(t.Context(), ufs.ListOptions{})
	require.ErrorIs(t, err, driver.ErrUnsupported)
	p2 := make([]byte, 3)
	_, err = s.ReadAt(t.Context(), "d/f", "", p2, 4)
	require.NoError(t, err)
	require.Equal(t, "ent", string(p2))
	require.NotContains(t, p.requests(), http.MethodHead+" /")
}
