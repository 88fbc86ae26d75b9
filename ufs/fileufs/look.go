package fileufs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

// Stat describes a key.
func (s *store) Stat(ctx context.Context, key string) (driver.Attr, error) {
	n, err := name(key)
	if err != nil {
		return driver.Attr{}, err
	}
	r := s.place.root.Load()
	return s.look(ctx, r, key, n, func() (fs.FileInfo, error) { return r.Lstat(n) })
}

// look describes a file by what lstat says of it: whom a link points to, whatever it is.
func (s *store) look(ctx context.Context, r *os.Root, key, n string, lstat func() (fs.FileInfo, error)) (driver.Attr, error) {
	fi, st, err := still(ctx, lstat)
	if err != nil {
		return driver.Attr{}, s.fail(r, err)
	}
	if fi.Mode()&fs.ModeSymlink == 0 {
		return s.attr(key, fi, st)
	}
	link, err := r.Readlink(n)
	if err != nil {
		return driver.Attr{}, s.fail(r, err)
	}
	fi, st, err = still(ctx, func() (fs.FileInfo, error) { return r.Stat(n) })
	if errors.Is(err, fs.ErrNotExist) {
		return driver.Attr{}, fmt.Errorf("%w: the link leads nowhere", driver.ErrNotExist)
	}
	if err != nil {
		return driver.Attr{}, s.fail(r, err)
	}
	a, err := s.attr(key, fi, st)
	a.Link = link
	return a, err
}

// attr describes what is neither a link nor something that is no file.
func (s *store) attr(key string, fi fs.FileInfo, st stamp) (driver.Attr, error) {
	if t := fi.Mode().Type(); t != 0 && t != fs.ModeDir {
		return driver.Attr{}, fmt.Errorf("%w: neither file nor directory (%v)", driver.ErrNotExist, t)
	}
	a := driver.Attr{Key: key, Dir: fi.IsDir(), ModTime: fi.ModTime(), Mode: fi.Mode().Perm()}
	a.Owner, a.Group = s.owners.of(fi)
	if !a.Dir {
		a.Size = st.size
		a.Version, a.Was = st.names(time.Now())
	}
	return a, nil
}
