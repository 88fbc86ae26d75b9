package memufs

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/millpond/millpond/ufs/driver"
)

// Delete removes a file or an empty directory.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.enterChange(ctx, "delete", key, true); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deleteLocked(key)
}

func (s *Store) deleteLocked(key string) error {
	n, err := s.findLocked(key)
	switch {
	case err != nil:
		return err
	case key == "":
		return driver.ErrInvalid
	case n.dir && len(n.names) > 0:
		return driver.ErrNotEmpty
	}
	s.removeLocked(key)
	return nil
}

// DeleteVersion removes a file that has a version.
func (s *Store) DeleteVersion(ctx context.Context, key, version string) error {
	if err := s.enterChange(ctx, "delete-version", key, s.caps.DeleteVersion); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.findLocked(key)
	switch {
	case err != nil:
		return err
	case n.version != version:
		return driver.ErrChanged
	}
	return s.deleteLocked(key)
}

// DeleteBatch removes files in one call; its name's key is the first.
func (s *Store) DeleteBatch(ctx context.Context, keys []string) (map[string]error, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	if err := s.enterChange(ctx, "delete-batch", keys[0], s.caps.BatchDelete > 0); err != nil {
		return nil, err
	}
	if len(keys) > s.caps.BatchDelete {
		return nil, driver.ErrInvalid
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var failed map[string]error
	for _, key := range keys {
		if err := s.deleteLocked(key); err != nil && !errors.Is(err, driver.ErrNotExist) {
			if failed == nil {
				failed = map[string]error{}
			}
			failed[key] = err
		}
	}
	return failed, nil
}

// Rename moves a file or a directory with all that is in it.
func (s *Store) Rename(ctx context.Context, from, to string, overwrite bool) (driver.Attr, error) {
	if err := s.enterChange(ctx, "rename", from, s.caps.Rename); err != nil {
		return driver.Attr{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.findLocked(from)
	switch {
	case err != nil:
		return driver.Attr{}, err
	case n.dir && !s.caps.RenameDir:
		return driver.Attr{}, driver.ErrUnsupported
	case from == "" || !driver.ValidKey(to) || strings.HasPrefix(to+"/", from+"/") && to != from:
		return driver.Attr{}, driver.ErrInvalid
	}
	up, name, err := s.parentLocked(to, false)
	if err != nil {
		return driver.Attr{}, err
	}
	if old := up.kids[name]; old != nil {
		switch {
		case !overwrite || old.dir:
			return driver.Attr{}, driver.ErrExist
		case n.dir:
			return driver.Attr{}, driver.ErrNotDir
		}
	}
	if from != to {
		up.put(name, n)
		s.removeLocked(from)
	}
	return n.after(to), nil
}

// Copy copies a file over whatever file is there. The copy has a version of its own.
func (s *Store) Copy(ctx context.Context, from, to, version string) (driver.Attr, error) {
	if err := s.enterChange(ctx, "copy", from, s.caps.Copy); err != nil {
		return driver.Attr{}, err
	}
	if !driver.ValidKey(to) {
		return driver.Attr{}, driver.ErrInvalid
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.findLocked(from)
	switch {
	case err != nil:
		return driver.Attr{}, err
	case n.dir:
		return driver.Attr{}, driver.ErrIsDir
	case version != "" && version != n.version:
		return driver.Attr{}, driver.ErrChanged
	}
	c, err := s.setLocked(to, n.data, n.mode, false)
	if err != nil {
		return driver.Attr{}, err
	}
	return c.attr(to), nil
}

// Mkdir makes a directory; without Caps.Directories a marker that lets it live without content.
func (s *Store) Mkdir(ctx context.Context, key string, parents bool, mode fs.FileMode) error {
	if err := s.enterChange(ctx, "mkdir", key, true); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, err := s.findLocked(key); err == nil {
		if !n.dir || !parents {
			return driver.ErrExist
		}
		n.marked = true
		return nil
	}
	up, name, err := s.parentLocked(key, parents)
	if err != nil {
		return err
	}
	if mode == 0 {
		mode = 0o755
	}
	up.put(name, newDir(mode.Perm()))
	return nil
}

// SetMode sets permission bits.
func (s *Store) SetMode(ctx context.Context, key string, mode fs.FileMode) (driver.Attr, error) {
	return s.set(ctx, "setmode", key, s.caps.Mode, func(n *node) { n.mode = mode.Perm() })
}

// SetOwner sets owner and group; any name will do.
func (s *Store) SetOwner(ctx context.Context, key, owner, group string) (driver.Attr, error) {
	return s.set(ctx, "setowner", key, s.caps.Owner, func(n *node) {
		if owner != "" {
			n.owner = owner
		}
		if group != "" {
			n.group = group
		}
	})
}

func (s *Store) set(ctx context.Context, op, key string, ability bool, change func(*node)) (driver.Attr, error) {
	if err := s.enterChange(ctx, op, key, ability); err != nil {
		return driver.Attr{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.findLocked(key)
	if err != nil {
		return driver.Attr{}, err
	}
	change(n)
	return n.after(key), nil
}

var _ interface {
	driver.Store
	driver.Renamer
	driver.Copier
	driver.BatchDeleter
	driver.VersionDeleter
	driver.Mkdirer
	driver.Moder
	driver.Owner
} = (*Store)(nil)
