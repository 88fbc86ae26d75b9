package hdfsufs

import (
	"cmp"
	"context"
	"errors"
	"path"
	"strings"

	"github.com/colinmarc/hdfs/v2"

	"github.com/millpond/millpond/ufs/driver"
)

// mostListed is the most entries of a NameNode's answer, by its default (dfs.ls.limit), and of our pages.
const mostListed = 1000

// List answers a page, in the order of fs.WalkDir. Its Token is the last key: NameNodes go on after any name.
func (s *store) List(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
	if _, err := s.path(o.Prefix); err != nil {
		return driver.Page{}, err
	}
	limit := o.Limit
	if limit <= 0 || limit > mostListed {
		limit = mostListed
	}
	w := &walk{s: s, recursive: o.Recursive, limit: limit}
	err := s.call(ctx, func(x *session) error {
		w.x, w.page = x, driver.Page{}
		return w.dir(o.Prefix, below(o.Prefix, cmp.Or(o.Token, o.StartAfter)))
	})
	if err != nil {
		return driver.Page{}, err
	}
	w.sweep(ctx)
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
	s         *store
	x         *session
	recursive bool
	limit     int
	page      driver.Page
	temps     []temp // temporary files that were met
}

// dir walks what comes in a directory after a relative key.
func (w *walk) dir(dir, after string) error {
	last, rest, _ := strings.Cut(after, "/")
	if w.recursive && last != "" { // the page before may have ended in it
		if err := w.into(path.Join(dir, last), rest); err != nil || w.page.Token != "" {
			return err
		}
	}
	for {
		entries, more, exists, err := w.x.list(path.Join(w.s.dir, dir), last)
		switch {
		case err != nil:
			return err
		case !exists:
			return driver.ErrNotExist
		case len(entries) == 1 && len(entries[0].GetPath()) == 0:
			return driver.ErrNotDir
		}
		for n, st := range entries {
			last = string(st.GetPath())
			if err := w.entry(path.Join(dir, last), st); err != nil || w.page.Token != "" {
				return err
			}
			if len(w.page.Entries) == w.limit && (more || n+1 < len(entries)) {
				w.page.Token = w.page.Entries[w.limit-1].Key
				return nil
			}
		}
		if !more {
			return nil
		}
	}
}

// into walks a directory that is listed recursively. One that went meanwhile has nothing in it, nor has a file.
func (w *walk) into(dir, after string) error {
	err := w.dir(dir, after)
	if named, _ := condition(err); errors.Is(named, driver.ErrNotExist) || errors.Is(named, driver.ErrNotDir) {
		return nil
	}
	return err
}

// entry adds a name, if it is one, and what lies below it.
func (w *walk) entry(key string, st *hdfs.FileStatus) error {
	if len(w.page.Entries) == w.limit {
		w.page.Token = w.page.Entries[w.limit-1].Key
		return nil
	}
	if isTemp(path.Base(key)) {
		w.temps = append(w.temps, temp{path.Join(w.s.dir, key), st})
		return nil
	}
	a, ok := attr(key, st)
	if _, err := w.s.path(key); !ok || err != nil {
		w.page.Skipped++
		return nil
	}
	w.page.Entries = append(w.page.Entries, a)
	if w.recursive && a.Dir {
		return w.into(key, "")
	}
	return nil
}
