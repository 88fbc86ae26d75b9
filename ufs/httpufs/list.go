package httpufs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/millpond/millpond/ufs/driver"
)

const (
	pageSize = 256      // entries of a page: each file is a request
	heads    = 8        // of which so many at a time: what browsers allow themselves, and a little more
	maxIndex = 32 << 20 // bytes of an index page: some 200,000 names
)

// probe asks for the place itself: whether there is a server, and whether it lists.
func (s *store) probe(ctx context.Context) error {
	_, _, err := s.index(ctx, "")
	switch {
	case errors.Is(err, driver.ErrNotExist), errors.Is(err, driver.ErrPermission), errors.Is(err, driver.ErrUnsupported):
		s.noList = true
		return nil
	}
	return err
}

// index asks for the page of a directory.
func (s *store) index(ctx context.Context, dir string) (entries []entry, skipped int, err error) {
	u, err := s.at(dir, true)
	if err != nil {
		return nil, 0, err
	}
	a, err := s.do(ctx, http.MethodGet, u, http.Header{"Accept": {"text/html"}})
	if err != nil {
		return nil, 0, err
	}
	defer discard(a.Body)
	switch {
	case a.slash:
		return nil, 0, driver.ErrNotDir
	case a.StatusCode != http.StatusOK:
		return nil, 0, failure(a.Response)
	case !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html"):
		return nil, 0, fmt.Errorf("%w: the directory's page is %q, not an index", driver.ErrUnsupported, a.Header.Get("Content-Type"))
	}
	page, err := io.ReadAll(io.LimitReader(a.Body, maxIndex+1))
	if err != nil {
		return nil, 0, err
	}
	if len(page) > maxIndex {
		return nil, 0, fmt.Errorf("%w: the directory's page has more than %d bytes", driver.ErrUnsupported, maxIndex)
	}
	entries, skipped, ok := parseIndex(page, u)
	if !ok {
		return nil, 0, fmt.Errorf("%w: the directory's page is not an index", driver.ErrUnsupported)
	}
	return entries, skipped, nil
}

// List answers a page, in the order of fs.WalkDir; its Token is the last key.
func (s *store) List(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
	if s.noList {
		return driver.Page{}, driver.ErrUnsupported
	}
	limit := pageSize
	if o.Limit > 0 {
		limit = min(o.Limit, limit)
	}
	after := cmp.Or(o.Token, o.StartAfter)
	if o.Prefix != "" {
		after, _ = strings.CutPrefix(after, o.Prefix+"/")
	}
	w := &walk{s: s, ctx: ctx, recursive: o.Recursive, goesOn: o.Token != "", limit: limit}
	if _, err := w.dir(o.Prefix, after); err != nil {
		return driver.Page{}, s.whyNot(ctx, o.Prefix, err)
	}
	if w.page.Token == "" {
		w.page.Skipped += w.skipped
	}
	return w.page, nil
}

// whyNot tells a directory that is missing from a file: servers answer 404 to both.
func (s *store) whyNot(ctx context.Context, dir string, err error) error {
	if dir == "" || !errors.Is(err, driver.ErrNotExist) {
		return err
	}
	if a, serr := s.Stat(ctx, dir); serr == nil && !a.Dir {
		return driver.ErrNotDir
	}
	return err
}

// walk makes one page.
type walk struct {
	s         *store
	ctx       context.Context
	recursive bool
	goesOn    bool // it is not the first page
	limit     int
	page      driver.Page
	skipped   int // names left out since the last entry: the next page's if this one ends there
}

// dir walks what comes in a directory after a relative key, some entries at a time, and reports whether the page is full
// before the end.
func (w *walk) dir(dir, after string) (full bool, err error) {
	entries, err := w.entries(dir, after)
	if err != nil {
		return false, err
	}
	first, rest, _ := strings.Cut(after, "/")
	i, passed := slices.BinarySearchFunc(entries, first, func(e entry, name string) int { return cmp.Compare(e.name, name) })
	if passed {
		if full, err = w.below(dir, entries[i], rest); full || err != nil {
			return full, err
		}
		i++
	}
	for i < len(entries) && !full {
		n := min(max(w.limit-len(w.page.Entries), 1), len(entries)-i)
		if full, err = w.some(dir, entries[i:i+n]); err != nil {
			return false, err
		}
		i += n
	}
	if full {
		w.s.indexes.put(dir, entries)
	}
	return full, nil
}

// entries are those of a directory: kept since the page before if that ended in it.
func (w *walk) entries(dir, after string) ([]entry, error) {
	if w.goesOn && after != "" {
		if entries, ok := w.s.indexes.take(dir); ok {
			return entries, nil
		}
	}
	entries, skipped, err := w.s.index(w.ctx, dir)
	if after == "" {
		w.skipped += skipped
	}
	return entries, err
}

// some adds entries, of which the page may have room for all, or for none and then for no other.
func (w *walk) some(dir string, entries []entry) (full bool, err error) {
	attrs, errs := w.describe(dir, entries)
	for i, a := range attrs {
		switch err := errs[i]; {
		case errors.Is(err, driver.ErrNotExist): // it went meanwhile
			continue
		case errors.Is(err, driver.ErrPermission), errors.Is(err, driver.ErrUnsupported):
			w.skipped++
			continue
		case err != nil:
			return false, err
		case len(w.page.Entries) == w.limit:
			w.page.Token = w.page.Entries[w.limit-1].Key
			return true, nil
		}
		w.page.Entries = append(w.page.Entries, a)
		w.page.Skipped, w.skipped = w.page.Skipped+w.skipped, 0
		if full, err = w.below(dir, entry{entries[i].name, a.Dir}, ""); full || err != nil {
			return full, err
		}
	}
	return false, nil
}

// below walks what is in a directory that is not asked for by itself.
func (w *walk) below(dir string, e entry, after string) (full bool, err error) {
	if !w.recursive || !e.dir {
		return false, nil
	}
	full, err = w.dir(path.Join(dir, e.name), after)
	if errors.Is(err, driver.ErrNotExist) {
		return false, nil // it went meanwhile
	}
	return full, err
}

// describe asks for files, some at a time.
func (w *walk) describe(dir string, entries []entry) (attrs []driver.Attr, errs []error) {
	attrs, errs = make([]driver.Attr, len(entries)), make([]error, len(entries))
	var wg sync.WaitGroup
	for h := range heads {
		wg.Go(func() {
			for i := h; i < len(entries); i += heads {
				key := path.Join(dir, entries[i].name)
				if entries[i].dir {
					attrs[i] = driver.Attr{Key: key, Dir: true}
					continue
				}
				attrs[i], errs[i] = w.s.Stat(w.ctx, key)
			}
		})
	}
	wg.Wait()
	return attrs, errs
}
