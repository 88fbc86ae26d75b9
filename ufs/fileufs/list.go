package fileufs

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/millpond/millpond/ufs/driver"
)

// pageSize is how many entries a page has: 1,000 of 200 B are 200 KB.
const pageSize = 1000

// List answers a page, in the order of fs.WalkDir. Its Token is the last key: what a listing is in the middle of is in
// the names that are kept.
func (s *store) List(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
	if _, err := name(o.Prefix); err != nil {
		return driver.Page{}, err
	}
	limit := o.Limit
	if limit <= 0 || limit > pageSize {
		limit = pageSize
	}
	w := &walk{ctx: ctx, s: s, root: s.place.root.Load(), recursive: o.Recursive, goesOn: o.Token != "", limit: limit}
	err := w.dir(o.Prefix, below(o.Prefix, cmp.Or(o.Token, o.StartAfter)))
	if errors.Is(err, enotdir) {
		if _, serr := s.Stat(ctx, o.Prefix); serr == nil {
			err = driver.ErrNotDir
		}
	}
	if err != nil {
		return driver.Page{}, s.fail(w.root, err)
	}
	if w.page.Token == "" {
		w.page.Skipped += w.skipped
	}
	return w.page, nil
}

// below is what key is called in dir; "" if it is not in it.
func below(dir, key string) string {
	if dir == "" {
		return key
	}
	rel, ok := strings.CutPrefix(key, dir+"/")
	if !ok {
		return ""
	}
	return rel
}

// walk makes one page.
type walk struct {
	ctx       context.Context
	s         *store
	root      *os.Root
	recursive bool
	goesOn    bool // it is not the first page
	limit     int
	page      driver.Page
	skipped   int // names left out since the last entry: the next page's if this one ends there
}

// dir walks what comes in a directory after a relative key. Directories that the page ends in keep their names for the
// next one.
func (w *walk) dir(dir, after string) error {
	names, err := w.names(dir, after)
	if err != nil {
		return err
	}
	at, err := w.root.OpenRoot(cmp.Or(dir, "."))
	if err != nil {
		return err
	}
	defer at.Close()
	first, rest, _ := strings.Cut(after, "/")
	from, passed := slices.BinarySearch(names.list, first)
	for i, n := range names.list[from:] {
		if w.ctx.Err() != nil {
			return context.Cause(w.ctx)
		}
		done, err := w.entry(at, path.Join(dir, n), passed && i == 0, rest)
		if err != nil {
			return err
		}
		if done {
			w.s.names.put(dir, names)
			return nil
		}
	}
	return nil
}

// names are those of a directory: kept since the page before if that ended in it.
func (w *walk) names(dir, after string) (*dirNames, error) {
	if w.goesOn && after != "" {
		if names := w.s.names.take(dir); names != nil {
			return names, nil
		}
	}
	names, temps, err := readNames(w.ctx, w.root, cmp.Or(dir, "."))
	for _, t := range temps {
		sweep(w.root, path.Join(dir, t))
	}
	return names, err
}

// entry adds a name, unless it was on the page before, and what lies below it. done: the page is full before it.
func (w *walk) entry(at *os.Root, key string, passed bool, rest string) (done bool, err error) {
	if passed && !w.recursive {
		return false, nil
	}
	a, err := w.look(at, key)
	if err != nil || a.Key == "" {
		return false, err
	}
	if !passed {
		if len(w.page.Entries) == w.limit {
			w.page.Token = w.page.Entries[w.limit-1].Key
			return true, nil
		}
		w.page.Entries = append(w.page.Entries, a)
		w.page.Skipped, w.skipped = w.page.Skipped+w.skipped, 0
		rest = ""
	}
	if !w.recursive || !a.Dir || a.Link != "" {
		return false, nil
	}
	if err := w.dir(key, rest); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, enotdir) {
		return false, err
	}
	return w.page.Token != "", nil
}

// look describes an entry; one without a Key is left out. What went since its name was read is no name that is left out,
// and an error of the file system is none of a name.
func (w *walk) look(at *os.Root, key string) (driver.Attr, error) {
	full, err := name(key)
	if err != nil {
		w.skipped++
		return driver.Attr{}, nil
	}
	n := path.Base(key)
	a, err := w.s.look(w.ctx, w.root, key, full, func() (fs.FileInfo, error) { return at.Lstat(n) })
	switch {
	case err == nil && a.Dir && a.Link != "" && w.circular(key):
	case err == nil:
		return a, nil
	case !errors.Is(err, fs.ErrNotExist):
		return driver.Attr{}, err
	default:
		if _, err := at.Lstat(n); errors.Is(err, fs.ErrNotExist) {
			return driver.Attr{}, nil
		}
	}
	w.skipped++
	return driver.Attr{}, nil
}

// circular reports whether a link leads to one of the directories that it is listed below.
func (w *walk) circular(link string) bool {
	target, err := w.root.Stat(link)
	if err != nil {
		return false
	}
	for dir := path.Dir(link); ; dir = path.Dir(dir) {
		if fi, err := w.root.Stat(dir); err == nil && os.SameFile(fi, target) {
			return true
		}
		if dir == "." {
			return false
		}
	}
}
