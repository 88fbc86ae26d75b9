package ufs

import (
	"context"
	"errors"
	"strings"

	"github.com/millpond/millpond/ufs/driver"
)

// Rename moves a file or directory; the parent of to must exist, where the store has directories. ErrExist if something is
// there, unless it is a file and overwrite; ErrNotExist; ErrInvalid for the place itself or into the directory's own tree.
//
// With Caps.Rename (of a directory Caps.RenameDir) it is one step. Else it is composed: each file is copied, then the
// source is deleted if it is still the version that was copied. So at any moment, also after a crash or an error, each
// file is whole under at least one of the names; and both show for a while. ErrChanged means that the source was replaced
// meanwhile, and stays. Of a directory the children move one by one, several at a time, and one page of names is held for
// each level: with overwrite a move that was interrupted goes on, and replaces what has the same name. An error after
// something has moved is a *driver.Unknown: both names may be there.
//
// The Attr is that of the file under its new name: a copy has another version, and the old one in Was.
func (s *Store) Rename(ctx context.Context, from, to string, overwrite bool) (Attr, error) {
	caps := s.Caps()
	switch {
	case from == "" || to == "" || strings.HasPrefix(to, from+"/"):
		return Attr{}, s.wrap(opRename, from, 1, driver.ErrInvalid)
	case caps.ReadOnly:
		return Attr{}, s.wrap(opRename, from, 1, driver.ErrReadOnly)
	case s.renames() && caps.RenameDir && from != to:
		return s.renameThere(ctx, from, to, overwrite)
	}
	a, err := s.Stat(ctx, from)
	if err != nil || from == to {
		return a, err
	}
	if a.Dir {
		return s.renameDir(ctx, from, to, overwrite)
	}
	return s.renameFile(ctx, a, to, overwrite)
}

// renames reports whether the driver moves files in one step.
func (s *Store) renames() bool {
	_, ok := s.d.(driver.Renamer)
	return ok && s.Caps().Rename
}

func (s *Store) renameThere(ctx context.Context, from, to string, overwrite bool) (a Attr, err error) {
	r := s.d.(driver.Renamer) // renames made sure
	err = s.call(ctx, opRename, from, func(ctx context.Context) error {
		a, err = r.Rename(ctx, from, to, overwrite)
		return err
	})
	return a, err
}

func (s *Store) renameFile(ctx context.Context, from Attr, to string, overwrite bool) (Attr, error) {
	if s.renames() {
		return s.renameThere(ctx, from.Key, to, overwrite)
	}
	replaces, err := s.target(ctx, to, overwrite)
	if err != nil {
		return Attr{}, err
	}
	a, err := s.copyOf(ctx, from, to, overwrite)
	if err != nil {
		return Attr{}, err
	}
	a.Was = from.Version
	err = s.deleteVersion(ctx, from.Key, from.Version)
	switch {
	case errors.Is(err, driver.ErrNotExist): // somebody has removed it: the name is free all the same
		return a, nil
	case errors.Is(err, driver.ErrChanged) && !replaces:
		if undo := s.deleteVersion(ctx, to, a.Version); undo == nil { // as if nothing had been
			return Attr{}, err
		}
	}
	if err != nil {
		return Attr{}, &driver.Unknown{Err: err}
	}
	return a, nil
}

// target reports whether a file is there that will be replaced: ErrExist if it may not, or is a directory.
func (s *Store) target(ctx context.Context, to string, overwrite bool) (replaces bool, err error) {
	a, err := s.Stat(ctx, to)
	switch {
	case errors.Is(err, driver.ErrNotExist):
		return false, nil
	case err == nil && (a.Dir || !overwrite):
		err = s.wrap(opRename, to, 1, driver.ErrExist)
	}
	return err == nil, err
}

// copyOf copies what from describes. Where the store copies, two renames onto one new name at the same time both see it
// free, and the later one stays; through us the condition of Create decides, where there is one.
func (s *Store) copyOf(ctx context.Context, from Attr, to string, overwrite bool) (Attr, error) {
	if s.copies() {
		a, err := s.copyThere(ctx, from.Key, to, from.Version)
		if !errors.Is(err, driver.ErrUnsupported) {
			return a, err
		}
	}
	return s.copyThrough(ctx, from, to, !overwrite && s.Caps().IfAbsent)
}
