package ufs

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/millpond/millpond/ufs/driver"
)

// DeleteAll removes a directory and all that is below it, children before parents, in batches where the store takes them;
// of the place itself ("") only what is below. It holds one page of names for each level. ErrNotExist, ErrNotDir. It
// stops at the first page with failures, and the error joins them: what is left is whole, and DeleteAll goes on when it
// is called again.
func (s *Store) DeleteAll(ctx context.Context, dir string) error {
	e := &emptying{s: s, files: s.deletePage}
	if s.Caps().Directories {
		return e.dir(ctx, dir)
	}
	n, err := s.deleteFlat(ctx, dir)
	if err != nil {
		return err
	}
	err = e.dir(ctx, dir) // the markers
	if n > 0 && errors.Is(err, driver.ErrNotExist) {
		return nil // it lived by what was in it
	}
	return err
}

// deleteFlat removes the files of a whole tree of a store without directories, which lists it in one go.
func (s *Store) deleteFlat(ctx context.Context, dir string) (n int, err error) {
	o := ListOptions{Prefix: dir, Recursive: true}
	for {
		p, err := s.ListPage(ctx, o)
		if err != nil {
			if n > 0 && errors.Is(err, driver.ErrNotExist) {
				err = nil
			}
			return n, err
		}
		files := slices.DeleteFunc(slices.Clone(p.Entries), func(a Attr) bool { return a.Dir })
		if err := s.deletePage(ctx, files); err != nil {
			return n, err
		}
		n += len(files)
		if p.Token == "" {
			return n, nil
		}
		o.Token = p.Token
	}
}

func (s *Store) deletePage(ctx context.Context, files []Attr) error {
	keys := make([]string, len(files))
	for i, a := range files {
		keys[i] = a.Key
	}
	failed := s.DeleteBatch(ctx, keys)
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(failed)) {
		errs = append(errs, failed[key])
	}
	return errors.Join(errs...)
}
