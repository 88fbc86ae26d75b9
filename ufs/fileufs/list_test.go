package fileufs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
)

// listing is what a listing has, "/" after directories and " -> " before where a link points.
func listing(t *testing.T, s *ufs.Store, o ufs.ListOptions) (names []string, skipped int) {
	t.Helper()
	for {
		p, err := s.ListPage(t.Context(), o)
		require.NoError(t, err)
		for _, a := range p.Entries {
			n := a.Key
			if a.Dir {
				n += "/"
			}
			if a.Link != "" {
				n += " -> " + a.Link
			}
			names = append(names, n)
		}
		skipped += p.Skipped
		if p.Token == "" {
			return names, skipped
		}
		o.Token = p.Token
	}
}

// TestRecursivePagesAreWalkDir: whatever the page, the pages together are fs.WalkDir's order, and links lead nowhere
// else.
func TestRecursivePagesAreWalkDir(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []string{"a/b/c", "a/b-c", "a/b/d/e", "a", "a-b", "b", "b/x"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, p), 0o755))
		for i := range 3 {
			require.NoError(t, os.WriteFile(filepath.Join(dir, p, fmt.Sprintf("f%d", i)), nil, 0o644))
		}
	}
	var want []string
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(p string, _ fs.DirEntry, err error) error {
		if p != "." {
			want = append(want, p)
		}
		return err
	}))
	outside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), nil, 0o644))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "out")))
	s := open(t, dir)
	for limit := 1; limit < 9; limit++ {
		var got []string
		for a, err := range s.List(t.Context(), ufs.ListOptions{Recursive: true, Limit: limit}) {
			require.NoError(t, err)
			got = append(got, a.Key)
		}
		require.Equal(t, want, got, "pages of %d", limit)
	}
	_, err := s.Stat(t.Context(), "out/secret")
	require.Error(t, err, "a link leads out")
}

// TestPagesReadADirectoryOnce: the names of the first page's moment are those of the listing, without what went since.
func TestPagesReadADirectoryOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 10 {
		put(t, filepath.Join(dir, fmt.Sprintf("f%d", i)), "", 0)
	}
	o := ufs.ListOptions{Limit: 4}
	first, err := s.ListPage(t.Context(), o)
	require.NoError(t, err)
	require.Len(t, first.Entries, 4)
	put(t, filepath.Join(dir, "f55"), "", 0)
	require.NoError(t, os.Remove(filepath.Join(dir, "f6")))
	o.Token = first.Token
	rest, skipped := listing(t, s, o)
	require.Equal(t, []string{"f4", "f5", "f7", "f8", "f9"}, rest, "the directory was read again")
	require.Zero(t, skipped, "what is gone is not left out")
	again, _ := listing(t, s, ufs.ListOptions{})
	require.Contains(t, again, "f55", "a new listing")
	_, err = s.ListPage(t.Context(), ufs.ListOptions{Limit: 4})
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, "f55")))
	put(t, filepath.Join(dir, "f56"), "", 0)
	again, _ = listing(t, s, ufs.ListOptions{StartAfter: "f5"})
	require.Equal(t, []string{"f56", "f7", "f8", "f9"}, again, "a listing that begins elsewhere")
	put(t, filepath.Join(dir, "f55"), "", 0)
	require.NoError(t, os.Remove(filepath.Join(dir, "f56")))
	rest, _ = listing(t, open(t, dir), o)
	require.Equal(t, []string{"f4", "f5", "f55", "f7", "f8", "f9"}, rest, "another process goes on with a token")
}

// TestListingGoesOnWithoutItsPlace: the directory that a token lies in may go.
func TestListingGoesOnWithoutItsPlace(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 3 {
		create(t, s, fmt.Sprintf("d%d/e/f", i), "", ufs.CreateOptions{Parents: true})
	}
	p, err := s.ListPage(t.Context(), ufs.ListOptions{Recursive: true, Limit: 2})
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "d0")))
	names, _ := listing(t, s, ufs.ListOptions{Recursive: true, Limit: 2, Token: p.Token})
	require.Equal(t, []string{"d1/", "d1/e/", "d1/e/f", "d2/", "d2/e/", "d2/e/f"}, names, "the directory of the token went")
}

func TestUnreadableEntriesFailAListing(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads what it likes")
	}
	dir := t.TempDir()
	s := open(t, dir)
	create(t, s, "d/f", "", ufs.CreateOptions{Parents: true})
	require.NoError(t, os.Chmod(filepath.Join(dir, "d"), 0o600))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "d"), 0o700) })
	_, err := s.ListPage(t.Context(), ufs.ListOptions{Recursive: true})
	require.ErrorIs(t, err, fs.ErrPermission, "a listing without f would say that it is gone")
}

// BenchmarkList is the cost of one entry; the same whatever the size of the directory.
func BenchmarkList(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			for i := range n {
				require.NoError(b, os.WriteFile(filepath.Join(dir, fmt.Sprintf("file-%07d", i)), nil, 0o644))
			}
			s := open(b, dir)
			for b.Loop() {
				got := 0
				for _, err := range s.List(b.Context(), ufs.ListOptions{}) {
					require.NoError(b, err)
					got++
				}
				require.Equal(b, n, got)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/entry")
		})
	}
}
