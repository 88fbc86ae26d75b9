package objects

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/millpond/millpond/ufs/driver"
)

// List is one list request a page. An answer without anything is looked into: the directory may be missing, or a file.
func (s *store) List(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
	dir, err := s.dir(o.Prefix)
	if err != nil {
		return driver.Page{}, err
	}
	w := walk{dir: dir, cut: len(s.prefix), after: o.StartAfter}
	q := Query{Prefix: dir, Limit: o.Limit}
	if !o.Recursive {
		q.Delimiter = "/"
	}
	if o.Token != "" {
		q.Token, w.files, err = parseToken(o.Token)
	} else if o.StartAfter != "" {
		q.StartAfter, err = s.place(ctx, o.StartAfter, o.Recursive)
	}
	if err != nil {
		return driver.Page{}, err
	}
	a, err := s.b.List(ctx, q)
	if err != nil {
		return driver.Page{}, err
	}
	if o.Token == "" && a.Token == "" && len(a.Objects)+len(a.Prefixes) == 0 {
		if err := s.mustBeDir(ctx, o.Prefix, o.StartAfter == ""); err != nil {
			return driver.Page{}, err
		}
	}
	w.answer(a)
	return driver.Page{Entries: w.entries, Skipped: w.skipped, Token: token(a.Token, w.files)}, nil
}

// place is where StartAfter goes on. The name of a file is that place; of a directory it lies behind all that the
// directory holds, or where that is listed, before it.
func (s *store) place(ctx context.Context, after string, recursive bool) (string, error) {
	name, err := s.name(after)
	if err != nil {
		return "", err
	}
	_, err = s.b.Head(ctx, name)
	switch {
	case err == nil:
		return name, nil
	case !errors.Is(err, driver.ErrNotExist):
		return "", err
	case recursive:
		return name + "/", nil
	}
	return name + "/\U0010FFFF", nil // the last character there is
}

// mustBeDir says why a listing is empty; nil for a directory that is so. known: nothing at all is in it.
func (s *store) mustBeDir(ctx context.Context, key string, known bool) error {
	if key == "" {
		return nil
	}
	_, err := s.b.Head(ctx, s.prefix+key)
	switch {
	case err == nil:
		return driver.ErrNotDir
	case !errors.Is(err, driver.ErrNotExist):
		return err
	case known:
		return fmt.Errorf("no object %q and none below: %w", s.prefix+key, driver.ErrNotExist)
	}
	_, err = s.statDir(ctx, key)
	return err
}

// walk takes names in a bucket's order and keeps those that are paths.
type walk struct {
	dir     string   // all names begin with it
	cut     int      // bytes of a name before its key
	after   string   // a key that is not told again
	files   []string // of those met, the ones that the last name begins with: a directory below one of them is hidden
	entries []driver.Attr
	skipped int
}

// answer takes a page, its objects and prefixes merged by name.
func (w *walk) answer(a Answer) {
	w.entries = make([]driver.Attr, 0, len(a.Objects)+len(a.Prefixes))
	for len(a.Objects)+len(a.Prefixes) > 0 {
		if len(a.Prefixes) == 0 || len(a.Objects) > 0 && a.Objects[0].Name < a.Prefixes[0] {
			w.take(a.Objects[0].Name, &a.Objects[0])
			a.Objects = a.Objects[1:]
			continue
		}
		w.take(a.Prefixes[0], nil)
		a.Prefixes = a.Prefixes[1:]
	}
}

// take is shown a name and the object of that name, nil for a common prefix.
func (w *walk) take(name string, o *Object) {
	if o != nil && o.Size > 0 && strings.HasSuffix(name, "/") {
		w.skipped++ // its content
	}
	if name == w.dir {
		return // the marker of what is listed
	}
	rel, isDir := strings.CutSuffix(name[len(w.dir):], "/")
	if !valid(rel) || w.hidden(name) {
		w.skipped++
		return
	}
	key := name[w.cut : len(w.dir)+len(rel)]
	switch {
	case key == w.after:
	case !isDir:
		w.entries = append(w.entries, file(key, *o))
	case o != nil:
		w.entries = append(w.entries, driver.Attr{Key: key, Dir: true, ModTime: o.ModTime})
	default:
		w.entries = append(w.entries, driver.Attr{Key: key, Dir: true})
	}
	if !isDir {
		w.files = append(w.files, name)
	}
}

// hidden says whether name lies below a file, and forgets the files that nothing after name can lie below.
func (w *walk) hidden(name string) bool {
	keep := w.files[:0]
	below := false
	for _, f := range w.files {
		if strings.HasPrefix(name, f) {
			keep = append(keep, f)
			below = below || name[len(f):] != "" && name[len(f)] == '/'
		}
	}
	w.files = keep
	return below
}

// token joins the bucket's token with what the walk must remember.
func token(next string, files []string) string {
	if next == "" {
		return ""
	}
	return url.Values{"next": {next}, "file": files}.Encode()
}

func parseToken(token string) (next string, files []string, err error) {
	v, err := url.ParseQuery(token)
	if err != nil || v.Get("next") == "" {
		return "", nil, fmt.Errorf("%w: listing token %q", driver.ErrInvalid, token)
	}
	return v.Get("next"), v["file"], nil
}
