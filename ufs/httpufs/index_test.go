package httpufs_test

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/httpufs"
)

func dirURL(t testing.TB) *url.URL {
	u, err := url.Parse("http://host/dir/")
	require.NoError(t, err)
	return u
}

// TestIndexesOfServers: the pages that servers make have the same entries.
func TestIndexesOfServers(t *testing.T) {
	pages, err := filepath.Glob("testdata/*.html")
	require.NoError(t, err)
	require.Len(t, pages, 4)
	for _, p := range pages {
		page, err := os.ReadFile(p)
		require.NoError(t, err)
		names, skipped, ok := httpufs.ParseIndex(page, dirURL(t))
		require.True(t, ok, p)
		require.Equal(t, []string{"a b.csv", "q?&#.txt", "sub/"}, names, p)
		require.Zero(t, skipped, p)
	}
}

func TestIndexLinks(t *testing.T) {
	for page, want := range map[string][]string{
		`<a href=bare>`:                                   {"bare"},
		`<a class="x" href='single'>`:                     {"single"},
		`<A HREF="upper">`:                                {"upper"},
		"<a\n href = \"spaced\" >":                        {"spaced"},
		`<a title="a>b" href="quoted">`:                   {"quoted"},
		`<a href="/dir/absolute">`:                        {"absolute"},
		`<a href="http://host/dir/whole">`:                {"whole"},
		`<a href="./a:b">`:                                {"a:b"},
		`<a href="two">1</a><a href="two">2</a>`:          {"two"},
		`<a href="d"></a><a href="d/"></a>`:               {"d/"},
		`<a href="sp ace">`:                               {"sp ace"},
		`<a href="?C=N">`:                                 nil,
		`<a href="x?y=z">`:                                nil,
		`<a href="#top">`:                                 nil,
		`<a href="../">`:                                  nil,
		`<a href="/">`:                                    nil,
		`<a href="/dirty">`:                               nil,
		`<a href="./">`:                                   nil,
		`<a href="">`:                                     nil,
		`<a>`:                                             nil,
		`<a href="//other/dir/x">`:                        nil,
		`<a href="https://host/dir/x">`:                   nil,
		`<a href="mailto:a@b">`:                           nil,
		`<a href="javascript:void(0)">`:                   nil,
		`<a name="href" data-href="x">`:                   nil,
		`<abbr href="x">`:                                 nil,
		`<!-- <a href="commented"> --><a href="not">`:     {"not"},
		`<script>"<a href='s'>"</script><a href="after">`: {"after"},
		`<a href="unclosed`:                               nil,
		`<a href="%zz">`:                                  nil,
	} {
		names, skipped, _ := httpufs.ParseIndex([]byte(page), dirURL(t))
		require.Equal(t, want, names, page)
		require.Zero(t, skipped, page)
	}
	names, skipped, _ := httpufs.ParseIndex([]byte(`<a href="deep/er"><a href="a%2Fb"><a href="nul%00"><a href="fine">`), dirURL(t))
	require.Equal(t, []string{"fine"}, names)
	require.Equal(t, 3, skipped, "names that no key can have")
}

func TestWhatIsAnIndex(t *testing.T) {
	for page, want := range map[string]bool{
		"<title>Index of /</title>":                  true,
		"<TITLE>\n index OF /x</TITLE>":              true,
		"<h1>Directory listing for /</h1>":           true,
		"<pre>\n</pre>":                              true,
		"<html><body><pre>some text</pre></body>":    false,
		"<title>My files</title><a href=\"x\">x</a>": false,
		"": false,
	} {
		_, _, ok := httpufs.ParseIndex([]byte(page), dirURL(t))
		require.Equal(t, want, ok, page)
	}
}

func FuzzIndex(f *testing.F) {
	pages, _ := filepath.Glob("testdata/*.html")
	for _, p := range pages {
		page, err := os.ReadFile(p)
		require.NoError(f, err)
		f.Add(page)
	}
	f.Add([]byte(`<a href="x" <a href='y/'> <!-- --><script></script>`))
	f.Fuzz(func(t *testing.T, page []byte) {
		names, _, _ := httpufs.ParseIndex(page, dirURL(t))
		plain := make([]string, len(names))
		for i, n := range names {
			plain[i] = strings.TrimSuffix(n, "/")
			require.NotEmpty(t, plain[i])
			require.True(t, driver.ValidKey(plain[i]), "%q", n)
			require.NotContains(t, plain[i], "/")
		}
		require.True(t, slices.IsSorted(plain))
		require.Equal(t, plain, slices.Compact(slices.Clone(plain)), "a name twice")
	})
}
