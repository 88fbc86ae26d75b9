package ufstest

import (
	"maps"
	"slices"

	"github.com/millpond/millpond/ufs"
	"github.com/stretchr/testify/require"
)

// kinds is a listing as items compare it: key to whether it is a directory.
type kinds map[string]bool

func files(keys ...string) kinds { return kinds{}.add(false, keys...) }

func (k kinds) add(dir bool, keys ...string) kinds {
	for _, key := range keys {
		k[key] = dir
	}
	return k
}

func (k kinds) files() kinds {
	only := maps.Clone(k)
	maps.DeleteFunc(only, func(_ string, dir bool) bool { return dir })
	return only
}

// entries lists everything that o selects, and asserts what holds for any listing: no key twice.
func (p *place) entries(o ufs.ListOptions) []ufs.Attr {
	p.Helper()
	var all []ufs.Attr
	seen := map[string]bool{}
	for a, err := range p.s.List(p.ctx, o) {
		require.NoError(p, err, "list %q", o.Prefix)
		require.False(p, seen[a.Key], "%q is listed twice", a.Key)
		seen[a.Key] = true
		all = append(all, a)
	}
	return all
}

func asKinds(entries []ufs.Attr) kinds {
	k := kinds{}
	for _, a := range entries {
		k[a.Key] = a.Dir
	}
	return k
}

func (p *place) list(dir string) kinds {
	p.Helper()
	return asKinds(p.entries(ufs.ListOptions{Prefix: dir}))
}

// tree lists recursively.
func (p *place) tree(dir string) kinds {
	p.Helper()
	return asKinds(p.entries(ufs.ListOptions{Prefix: dir, Recursive: true}))
}

// listed finds one entry of a listing.
func (p *place) listed(dir, key string) ufs.Attr {
	p.Helper()
	all := p.entries(ufs.ListOptions{Prefix: dir})
	i := slices.IndexFunc(all, func(a ufs.Attr) bool { return a.Key == key })
	require.GreaterOrEqual(p, i, 0, "%q is not listed in %q", key, dir)
	return all[i]
}

// pages walks a listing page by page, asserting the limit of each.
func (p *place) pages(o ufs.ListOptions) (entries []ufs.Attr, pages int) {
	p.Helper()
	for {
		page, err := p.s.ListPage(p.ctx, o)
		require.NoError(p, err, "list %q, page %d", o.Prefix, pages)
		if o.Limit > 0 {
			require.LessOrEqual(p, len(page.Entries), o.Limit, "entries of page %d", pages)
		}
		entries = append(entries, page.Entries...)
		pages++
		if page.Token == "" {
			return entries, pages
		}
		require.Less(p, pages, 10_000, "list %q does not end", o.Prefix)
		o.Token = page.Token
	}
}

// whole asserts that a listing has exactly these, each once.
func (p *place) whole(want kinds, got []ufs.Attr) {
	p.Helper()
	require.Equal(p, want, asKinds(got))
	require.Len(p, got, len(want), "entries listed twice")
}

// trees compares recursive listings: directories count where the store has real ones.
func (p *place) trees(want, got kinds) {
	p.Helper()
	if !p.s.Caps().Directories {
		want, got = want.files(), got.files()
	}
	require.Equal(p, want, got)
}
