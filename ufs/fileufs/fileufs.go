package fileufs

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"path/filepath"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

func init() { ufs.RegisterParser("file", parse) }

// parse names the directory of file:///dir.
func parse(u *url.URL) (driver.Place, error) {
	if err := checkURL(u); err != nil {
		return driver.Place{}, err
	}
	p := path.Clean(u.Path)
	dir := fromURLPath(p)
	return driver.Place{Dir: dir, Open: func(context.Context) (driver.Store, string, error) {
		s, err := open(dir)
		if err != nil {
			return nil, "", err
		}
		return s, "file://" + p, nil
	}}, nil
}

// checkURL wants a directory of this host: another's is not ours to open.
func checkURL(u *url.URL) error {
	switch {
	case u.Host != "" && u.Host != "localhost":
		return fmt.Errorf("%w: a host that is not this one; want file:///dir", driver.ErrInvalid)
	case !path.IsAbs(u.Path):
		return fmt.Errorf("%w: no absolute path; want file:///dir", driver.ErrInvalid)
	}
	_, err := driver.Query(u)
	return err
}

// Options tune Open.
type Options struct {
	UFS *ufs.Options // of the Store that is handed out; its defaults
}

// Open opens the directory dir, which must exist. o may be nil.
func Open(dir string, o *Options) (*ufs.Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s, err := open(abs)
	if err != nil {
		return nil, err
	}
	if o == nil {
		o = &Options{}
	}
	return ufs.New(s, "file://"+toURLPath(abs), o.UFS)
}

// store is a driver.Store.
type store struct {
	place  place
	names  kept
	owners owners
}

func open(dir string) (driver.Store, error) {
	s := &store{}
	if err := s.place.open(dir); err != nil {
		return nil, err
	}
	if isDistant(s.place.kind) {
		return &distant{store: s}, nil
	}
	return s, nil
}

func (s *store) Caps() driver.Caps {
	return driver.Caps{
		Rename: true, RenameDir: true, AtomicReplace: true, Directories: true, IfAbsent: true, IfVersion: true,
		Mode: true, Owner: hasOwners, Links: true, PageSize: pageSize,
	}
}

// LocalDir implements driver.Local.
func (s *store) LocalDir() string { return s.place.dir }

func (s *store) Close() error { return s.place.close() }
