package fileufs

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/millpond/millpond/ufs/driver"
)

// pageSize is how many entries a page has: 1,000 of 200 B are 200 KB.
const pageSize = 1000

// List answers a page, in the order of fs.WalkDir. A recursive one holds the names of the directories that lead to where
// it is, and goes on at the name after the page before.
func (s *store) List(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
	limit := o.Limit
	if limit <= 0 || limit > pageSize {
		limit = pageSize
	}
	w := &walk{ctx: ctx, s: s, recursive: o.Recursive, limit: limit}
	err := w.dir(o.Prefix, below(o.Prefix, cmp.Or(o.Token, o.StartAfter)))
	return w.page, err
}

// below is what key is called in dir; "" if it is not in it.
func below(dir, key string) string {
	if dir == "" {
		return key
	}
	rel, _ := strings.CutPrefix(key, dir+"/")
	if rel == key {
		return ""
	}
	return rel
}

type walk struct {
	ctx       context.Context
	s         *store
	recursive bool
	limit     int
	page      driver.Page
}

// full ends the page before an entry that does not fit.
func (w *walk) full() bool {
	if len(w.page.Entries) < w.limit {
		return false
	}
	w.page.Token = w.page.Entries[w.limit-1].Key
	return true
}

// dir walks what comes in a directory after a relative key.
func (w *walk) dir(dir, after string) error {
	names, err := w.s.names(dir)
	if err != nil {
		return mapErr(err)
	}
	first, rest, _ := strings.Cut(after, "/")
	for _, e := range names {
		if err := w.ctx.Err(); err != nil {
			return context.Cause(w.ctx)
		}
		if e.Name() < first || strings.HasPrefix(e.Name(), tempPrefix) {
			continue
		}
		passed := e.Name() == first
		if passed && (!w.recursive || !e.IsDir()) {
			continue
		}
		if !passed {
			rest = ""
		}
		if done, err := w.entry(path.Join(dir, e.Name()), passed, rest); done || err != nil {
			return err
		}
	}
	return nil
}

// entry adds a name, unless it was on the page before, and what lies below it.
func (w *walk) entry(key string, passed bool, rest string) (done bool, err error) {
	fi, err := w.s.root.Stat(key)
	if err != nil { // it went meanwhile, or is a link that leads nowhere or out
		w.page.Skipped++
		return false, nil
	}
	if !passed {
		if w.full() {
			return true, nil
		}
		w.page.Entries = append(w.page.Entries, attr(key, fi))
	}
	if !w.recursive || !fi.IsDir() || w.isLink(key) { // a link to a directory is listed, not followed: it may lead in a circle
		return false, nil
	}
	if err := w.dir(key, rest); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return w.page.Token != "", nil
}

func (w *walk) isLink(key string) bool {
	fi, err := w.s.root.Lstat(key)
	return err == nil && fi.Mode()&fs.ModeSymlink != 0
}

// names reads a directory, sorted.
func (s *store) names(dir string) ([]fs.DirEntry, error) {
	f, err := s.root.Open(name(dir))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.ReadDir(-1)
	slices.SortFunc(names, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return names, err
}
