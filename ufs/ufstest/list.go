package ufstest

import (
	"fmt"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/stretchr/testify/require"
)

func listItems() []item {
	all := []item{
		{28, "list_the_root", listRoot},
		{29, "exact_names_and_kinds", exactNames},
		{30, "empty_and_missing_directories", emptyAndMissing},
		{31, "listing_a_file", listFile},
		{32, "200_children_over_pages", children200},
		{33, "recursive_listing", recursive},
		{35, "common_prefixes_are_directories", prefixesAre},
		{36, "common_prefixes_listed", prefixesListed},
		{37, "common_prefixes_listed_recursively", prefixesRecursive},
		{38, "five_deep_key_lists_each_level", fiveDeep},
		{51, "more_than_1000_children", childrenMany},
	}
	for i, one := range all {
		all[i].f = func(p *place) { p.needLists(); one.f(p) }
	}
	return all
}

func listRoot(p *place) {
	require.Empty(p, p.list(""))
	p.put("file", []byte(testBytes))
	p.put("dir/file", []byte(testBytes))
	require.Equal(p, files("file").add(true, "dir"), p.list(""))
}

func exactNames(p *place) {
	for _, key := range []string{"d/a", "d/a.b", "d/ab/x", "d/a-b/x", "d/A", "da", "d.a/x"} {
		p.put(key, []byte(key))
	}
	require.Equal(p, files("d/a", "d/a.b", "d/A").add(true, "d/ab", "d/a-b"), p.list("d"))
	for _, a := range p.entries(ufs.ListOptions{Prefix: "d"}) {
		if !a.Dir {
			require.EqualValues(p, len(a.Key), a.Size, a.Key)
		}
	}
}

func emptyAndMissing(p *place) {
	p.put("file", nil)
	p.refuses("missing", driver.ErrNotExist)
	p.refuses("file/below", driver.ErrNotExist)
	p.needWrites()
	p.mkdir("empty")
	require.Empty(p, p.list("empty"))
	require.Empty(p, p.tree("empty"))
}

func (p *place) refuses(dir string, want error) {
	p.Helper()
	_, err := p.s.ListPage(p.ctx, ufs.ListOptions{Prefix: dir})
	require.ErrorIs(p, err, want, "list %q", dir)
}

func listFile(p *place) {
	p.put("file", []byte(testBytes))
	p.refuses("file", driver.ErrNotDir)
}

// hundreds makes dir with 100 files and 100 directories.
func (p *place) hundreds(dir string) kinds {
	p.Helper()
	want := files(p.fill(dir, "file", 100)...)
	for i := range 100 {
		want[fmt.Sprintf("%s/sub%03d", dir, i)] = true
	}
	p.each(100, func(i int) error { return p.put1(fmt.Sprintf("%s/sub%03d/x", dir, i), nil) })
	return want
}

func children200(p *place) {
	want := p.hundreds("dir")
	got, pages := p.pages(ufs.ListOptions{Prefix: "dir", Limit: 50})
	p.whole(want, got)
	require.GreaterOrEqual(p, pages, 4)
	for _, i := range []int{0, 49, 50, 120, 199} {
		rest, _ := p.pages(ufs.ListOptions{Prefix: "dir", Limit: 50, StartAfter: got[i].Key})
		p.whole(asKinds(got[i+1:]), rest)
	}
}

func recursive(p *place) {
	want := files("dir/file", "dir/sub/file", "dir/sub/deep/file", "dir/sub-x", "dir/z").add(true, "dir/sub", "dir/sub/deep")
	for key := range want.files() {
		p.put(key, []byte(testBytes))
	}
	p.put("dirx/file", nil)
	p.trees(want, p.tree("dir"))
	all, _ := p.pages(ufs.ListOptions{Prefix: "dir", Recursive: true})
	got, _ := p.pages(ufs.ListOptions{Prefix: "dir", Recursive: true, Limit: 2})
	require.Len(p, got, len(all), "pages of 2")
	for i := range got {
		require.Equal(p, all[i].Key, got[i].Key, "the order in pages of 2")
		rest, _ := p.pages(ufs.ListOptions{Prefix: "dir", Recursive: true, StartAfter: all[i].Key})
		require.Equal(p, asKinds(all[i+1:]), asKinds(rest), "after %q", all[i].Key)
	}
	slash, err := p.s.ListPage(p.ctx, ufs.ListOptions{Prefix: "dir/", Recursive: true})
	if err != nil {
		require.ErrorIs(p, err, driver.ErrInvalid, "with a trailing slash: the same or refused")
		return
	}
	p.trees(want, asKinds(slash.Entries))
}

// sampleTree is made without directory markers.
func (p *place) sampleTree() kinds {
	p.Helper()
	want := kinds{}
	for _, dir := range []string{"base/a", "base/b", "base/c"} {
		want[dir] = true
		for i := range 3 {
			key := fmt.Sprintf("%s/sample%d.jpg", dir, i+1)
			want[key] = false
			p.putRaw(key, []byte(testBytes))
		}
	}
	return want
}

func prefixesAre(p *place) {
	for key, dir := range p.sampleTree() {
		require.Equal(p, dir, p.stat(key).Dir, key)
	}
	p.isDir("base")
	p.missing("base/a/sample")
}

func prefixesListed(p *place) {
	p.sampleTree()
	require.Equal(p, kinds{"base": true}, p.list(""))
	require.Equal(p, kinds{"base/a": true, "base/b": true, "base/c": true}, p.list("base"))
	require.Equal(p, files("base/b/sample1.jpg", "base/b/sample2.jpg", "base/b/sample3.jpg"), p.list("base/b"))
}

func prefixesRecursive(p *place) {
	want := p.sampleTree()
	p.trees(want, p.tree("base"))
	want["base"] = true
	p.trees(want, p.tree(""))
}

func fiveDeep(p *place) {
	p.putRaw("a/b/c/d/e", []byte(testBytes))
	for _, level := range [][2]string{{"", "a"}, {"a", "a/b"}, {"a/b", "a/b/c"}, {"a/b/c", "a/b/c/d"}} {
		require.Equal(p, kinds{level[1]: true}, p.list(level[0]))
	}
	require.Equal(p, files("a/b/c/d/e"), p.list("a/b/c/d"))
}

func childrenMany(p *place) {
	want := files(p.fill("dir", "n", 1_050)...)
	got, _ := p.pages(ufs.ListOptions{Prefix: "dir"})
	p.whole(want, got)
	got, pages := p.pages(ufs.ListOptions{Prefix: "dir", Limit: 400})
	p.whole(want, got)
	require.GreaterOrEqual(p, pages, 3)
}
