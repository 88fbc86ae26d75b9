package memufs

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/millpond/millpond/ufs/driver"
)

// List answers a page, in the order of fs.WalkDir; its Token is the last key. A recursive one has the directories that
// are there by themselves.
func (s *Store) List(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
	if err := s.enter(ctx, "list", o.Prefix); err != nil {
		return driver.Page{}, err
	}
	if s.caps.NoList {
		return driver.Page{}, driver.ErrUnsupported
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.findLocked(o.Prefix)
	if err != nil {
		return driver.Page{}, err
	}
	if !n.dir {
		return driver.Page{}, driver.ErrNotDir
	}
	w := walk{recursive: o.Recursive, limit: s.caps.PageSize}
	if o.Limit > 0 {
		w.limit = min(o.Limit, w.limit)
	}
	after := cmp.Or(o.Token, o.StartAfter)
	if o.Prefix != "" {
		after, _ = strings.CutPrefix(after, o.Prefix+"/")
	}
	w.dir(o.Prefix, n, after)
	return w.page, nil
}

// walk makes one page.
type walk struct {
	recursive bool
	limit     int
	page      driver.Page
}

// dir walks what comes in a directory after a relative key, and reports whether the page is full before the end.
func (w *walk) dir(key string, n *node, after string) (full bool) {
	first, rest, _ := strings.Cut(after, "/")
	from, passed := slices.BinarySearch(n.names, first)
	for i, name := range n.names[from:] {
		if passed && i == 0 {
			if w.below(path.Join(key, name), n.kids[name], rest) {
				return true
			}
			continue
		}
		if w.entry(path.Join(key, name), n.kids[name]) {
			return true
		}
	}
	return false
}

func (w *walk) entry(key string, n *node) (full bool) {
	if !w.recursive || !n.dir || n.marked {
		if len(w.page.Entries) == w.limit {
			w.page.Token = w.page.Entries[w.limit-1].Key
			return true
		}
		w.page.Entries = append(w.page.Entries, n.attr(key))
	}
	return w.below(key, n, "")
}

func (w *walk) below(key string, n *node, after string) (full bool) {
	return w.recursive && n.dir && w.dir(key, n, after)
}
