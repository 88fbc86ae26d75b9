package fileufs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"

	"github.com/millpond/millpond/ufs/driver"
)

// Rename moves a file, a directory or a link, in one step.
func (s *store) Rename(ctx context.Context, from, to string, overwrite bool) (driver.Attr, error) {
	src, err := child(from)
	if err != nil {
		return driver.Attr{}, err
	}
	dst, err := child(to)
	if err != nil {
		return driver.Attr{}, err
	}
	before, err := s.Stat(ctx, from)
	if err != nil {
		return driver.Attr{}, err
	}
	r := s.place.root.Load()
	if overwrite {
		err = r.Rename(src, dst)
	} else {
		err = renameAbsent(r, src, dst)
	}
	if err != nil {
		return driver.Attr{}, s.fail(r, err)
	}
	for _, dir := range []string{path.Dir(to), path.Dir(from)} {
		if err := syncDir(r, dir); err != nil {
			return driver.Attr{}, &driver.Unknown{Err: s.fail(r, err)}
		}
	}
	return s.after(ctx, to, before)
}

// renameAbsent moves from to a name that must not exist.
func renameAbsent(r *os.Root, from, to string) error {
	err := renameExclusive(r, from, to)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	fi, err := r.Lstat(from)
	if err != nil {
		return err
	}
	if fi.IsDir() {
		return renameOntoEmpty(r, from, to)
	}
	return renameByLink(r, from, to)
}

// renameByLink moves a file by a second name.
func renameByLink(r *os.Root, from, to string) error {
	err := r.Link(from, to)
	if noLinks(err) {
		return renameAfterLook(r, from, to)
	}
	if err != nil {
		return err
	}
	if err := r.Remove(from); err != nil {
		return errors.Join(err, r.Remove(to))
	}
	return nil
}

// renameAfterLook is what is left: who comes between the look and the rename is overwritten.
func renameAfterLook(r *os.Root, from, to string) error {
	_, err := r.Lstat(to)
	switch {
	case err == nil:
		return driver.ErrExist
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return r.Rename(from, to)
}
