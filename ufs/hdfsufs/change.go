package hdfsufs

import (
	"context"
	"errors"
	"io/fs"

	"github.com/millpond/millpond/ufs/driver"
)

// Rename moves a file or a directory, in one step.
func (s *store) Rename(ctx context.Context, from, to string, overwrite bool) (driver.Attr, error) {
	src, err := s.child(from)
	if err != nil {
		return driver.Attr{}, err
	}
	dst, err := s.child(to)
	if err != nil {
		return driver.Attr{}, err
	}
	st, err := s.status(ctx, src)
	if err != nil {
		return driver.Attr{}, err
	}
	if err := s.move(ctx, src, dst, st.GetFileId(), overwrite); err != nil {
		return driver.Attr{}, err
	}
	return s.after(ctx, to)
}

// after describes what a change has left. It happened whatever the look says.
func (s *store) after(ctx context.Context, key string) (driver.Attr, error) {
	a, err := s.Stat(ctx, key)
	if err != nil {
		return driver.Attr{}, &driver.Unknown{Err: err}
	}
	a.Was = a.Version // neither a name, a mode nor an owner is part of it
	return a, nil
}

// change makes a call that changes something: if its answer is lost, that is *driver.Unknown.
func (s *store) change(ctx context.Context, do func(x *session) error) error {
	err := s.call(ctx, do)
	if lost(err) {
		return &driver.Unknown{Err: err}
	}
	return err
}

// Delete removes a file or an empty directory. Temporary files, which no listing shows, do not keep a directory.
func (s *store) Delete(ctx context.Context, key string) error {
	p, err := s.child(key)
	if err != nil {
		return err
	}
	return s.change(ctx, func(x *session) error {
		removed, err := x.remove(p)
		if named, _ := condition(err); errors.Is(named, driver.ErrNotEmpty) {
			dropped, derr := x.dropTemps(p)
			if derr != nil || !dropped {
				return errors.Join(err, derr)
			}
			removed, err = x.remove(p)
		}
		if err == nil && !removed {
			return driver.ErrNotExist
		}
		return err
	})
}

// Mkdir makes a directory.
func (s *store) Mkdir(ctx context.Context, key string, parents bool, mode fs.FileMode) error {
	p, err := s.path(key)
	if err != nil {
		return err
	}
	if mode == 0 {
		mode = 0o755
	}
	return s.change(ctx, func(x *session) error {
		if parents {
			return x.c.MkdirAll(p, mode.Perm())
		}
		return x.c.Mkdir(p, mode.Perm())
	})
}

// SetMode sets permission bits.
func (s *store) SetMode(ctx context.Context, key string, mode fs.FileMode) (driver.Attr, error) {
	return s.set(ctx, key, func(x *session, p string) error { return x.c.Chmod(p, mode.Perm()) })
}

// SetOwner sets owner and group, each by name. Only a superuser may set the owner.
func (s *store) SetOwner(ctx context.Context, key, owner, group string) (driver.Attr, error) {
	return s.set(ctx, key, func(x *session, p string) error { return x.setOwner(p, owner, group) })
}

// set changes what is not content.
func (s *store) set(ctx context.Context, key string, do func(x *session, path string) error) (driver.Attr, error) {
	p, err := s.path(key)
	if err != nil {
		return driver.Attr{}, err
	}
	if err := s.change(ctx, func(x *session) error { return do(x, p) }); err != nil {
		return driver.Attr{}, err
	}
	return s.after(ctx, key)
}
