package fileufs

import (
	"cmp"
	"context"
	"io/fs"
	"os"

	"github.com/millpond/millpond/ufs/driver"
)

// SetMode sets permission bits.
func (s *store) SetMode(ctx context.Context, key string, mode fs.FileMode) (driver.Attr, error) {
	return s.change(ctx, key, func(r *os.Root, n string) error { return r.Chmod(n, mode.Perm()) })
}

// SetOwner sets owner and group, each by name or number.
func (s *store) SetOwner(ctx context.Context, key, owner, group string) (driver.Attr, error) {
	uid, gid, err := ids(owner, group)
	if err != nil {
		return driver.Attr{}, err
	}
	return s.change(ctx, key, func(r *os.Root, n string) error { return r.Chown(n, uid, gid) })
}

// change makes a change that is not of the content, and describes the file after it.
func (s *store) change(ctx context.Context, key string, do func(r *os.Root, n string) error) (driver.Attr, error) {
	n, err := name(key)
	if err != nil {
		return driver.Attr{}, err
	}
	before, err := s.Stat(ctx, key)
	if err != nil {
		return driver.Attr{}, err
	}
	r := s.place.root.Load()
	if err := do(r, n); err != nil {
		return driver.Attr{}, s.fail(r, err)
	}
	return s.after(ctx, key, before)
}

// after describes a file after a change of ours to what was before. The change happened whatever the look says.
func (s *store) after(ctx context.Context, key string, before driver.Attr) (driver.Attr, error) {
	a, err := s.Stat(ctx, key)
	switch {
	case err != nil:
		return driver.Attr{}, &driver.Unknown{Err: err}
	case a.Dir:
	case !sameFile(a.Version, before.Version): // others wrote it meanwhile
		a.Was = a.Version
	case a.Version != before.Version:
		a.Was = before.Version
	default:
		a.Was = cmp.Or(before.Was, before.Version)
	}
	return a, nil
}
