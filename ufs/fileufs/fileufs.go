// Package fileufs is the under store of a directory.
package fileufs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path"
	"path/filepath"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

func init() {
	ufs.Register("file", func(_ context.Context, u *url.URL) (driver.Store, string, error) {
		dir := filepath.FromSlash(u.Path)
		d, err := open(dir)
		return d, "file://" + path.Clean(u.Path), err
	})
}

// Options tune Open.
type Options struct{ UFS *ufs.Options }

// Open opens the directory dir.
func Open(dir string, o *Options) (*ufs.Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	d, err := open(abs)
	if err != nil {
		return nil, err
	}
	var opt *ufs.Options
	if o != nil {
		opt = o.UFS
	}
	return ufs.New(d, "file://"+filepath.ToSlash(abs), opt)
}

const tempPrefix = ".millpond-tmp-"

type store struct{ root *os.Root }

func open(dir string) (*store, error) {
	r, err := os.OpenRoot(dir)
	if err != nil {
		if fi, serr := os.Stat(dir); serr == nil && !fi.IsDir() { // OpenRoot says so in words alone
			err = &fs.PathError{Op: "open", Path: dir, Err: driver.ErrNotDir}
		}
		return nil, err
	}
	return &store{r}, nil
}

func (s *store) Caps() driver.Caps {
	return driver.Caps{Rename: true, RenameDir: true, AtomicReplace: true, Directories: true, IfAbsent: true, IfVersion: true, Mode: true, PageSize: 1000, Links: true}
}

func name(key string) string {
	if key == "" {
		return "."
	}
	return key
}

func mapErr(err error) error {
	switch {
	case err == nil:
		return nil
	case isErrno(err, enotdir):
		return fmt.Errorf("%w: %w", driver.ErrNotExist, driver.ErrNotDir)
	case isErrno(err, enotempty):
		return driver.ErrNotEmpty
	case isErrno(err, eisdir):
		return driver.ErrIsDir
	}
	return err
}
func isErrno(err error, e error) bool { return errors.Is(err, e) }

func attr(key string, fi fs.FileInfo) driver.Attr {
	a := driver.Attr{Key: key, Dir: fi.IsDir(), ModTime: fi.ModTime(), Mode: fi.Mode().Perm()}
	if !a.Dir {
		a.Size = fi.Size()
		a.Version = version(fi)
	}
	return a
}

func (s *store) Stat(_ context.Context, key string) (driver.Attr, error) {
	fi, err := s.root.Stat(name(key))
	if err != nil {
		return driver.Attr{}, mapErr(err)
	}
	return attr(key, fi), nil
}

func (s *store) Open(_ context.Context, key string, off, n int64, ver string) (io.ReadCloser, driver.Attr, error) {
	f, err := s.root.Open(name(key))
	if err != nil {
		return nil, driver.Attr{}, mapErr(err)
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, driver.Attr{}, err
	}
	a := attr(key, fi)
	if a.Dir {
		f.Close()
		return nil, a, driver.ErrIsDir
	}
	if ver != "" && ver != a.Version {
		f.Close()
		return nil, a, driver.ErrChanged
	}
	if n < 0 || off+n > a.Size {
		n = max(0, a.Size-off)
	}
	return &body{f: f, sr: io.NewSectionReader(f, off, n)}, a, nil
}

type body struct {
	f  *os.File
	sr *io.SectionReader
}

func (b *body) Read(p []byte) (int, error) { return b.sr.Read(p) }
func (b *body) Close() error               { return b.f.Close() }

type writer struct {
	s    *store
	f    *os.File
	temp string
	key  string
	o    driver.CreateOptions
}

func (s *store) Create(_ context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
	dir := path.Dir(key)
	if o.Parents && dir != "." {
		if err := s.root.MkdirAll(dir, 0o755); err != nil {
			return nil, mapErr(err)
		}
	}
	mode := o.Mode
	if mode == 0 {
		mode = 0o644
	}
	temp := path.Join(dir, fmt.Sprintf("%s%016x", tempPrefix, rand.Uint64()))
	f, err := s.root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return nil, mapErr(err)
	}
	return &writer{s, f, temp, key, o}, nil
}
func (w *writer) Write(p []byte) (int, error) { return w.f.Write(p) }
func (w *writer) Commit(ctx context.Context) (driver.Attr, error) {
	err := w.f.Sync()
	if e := w.f.Close(); err == nil {
		err = e
	}
	if err != nil {
		w.s.root.Remove(w.temp)
		return driver.Attr{}, err
	}
	if ctx.Err() != nil {
		w.s.root.Remove(w.temp)
		return driver.Attr{}, context.Cause(ctx)
	}
	if w.o.IfAbsent {
		err = w.s.root.Link(w.temp, w.key)
		w.s.root.Remove(w.temp)
	} else if err = w.s.root.Rename(w.temp, w.key); err != nil {
		w.s.root.Remove(w.temp)
	}
	if err != nil {
		return driver.Attr{}, mapErr(err)
	}
	if err := w.s.syncDir(path.Dir(w.key)); err != nil {
		return driver.Attr{}, &driver.Unknown{Err: err} // it shows, and may not outlive a power loss
	}
	fi, err := w.s.root.Stat(w.key)
	if err != nil {
		return driver.Attr{}, err
	}
	return attr(w.key, fi), nil
}
func (w *writer) Abort(context.Context) error {
	w.f.Close()
	return w.s.root.Remove(w.temp)
}
func (s *store) syncDir(dir string) error {
	f, err := s.root.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was removed meanwhile, with what it held
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !noDirSync(err) {
		return err
	}
	return nil
}
func (s *store) Close() error { return s.root.Close() }
func (s *store) Rename(_ context.Context, from, to string, overwrite bool) (driver.Attr, error) {
	if !overwrite {
		if _, err := s.root.Lstat(to); err == nil {
			return driver.Attr{}, driver.ErrExist
		}
	}
	if err := s.root.Rename(from, to); err != nil {
		return driver.Attr{}, mapErr(err)
	}
	for _, dir := range []string{path.Dir(to), path.Dir(from)} {
		if err := s.syncDir(dir); err != nil {
			return driver.Attr{}, &driver.Unknown{Err: err}
		}
	}
	fi, err := s.root.Stat(to)
	if err != nil {
		return driver.Attr{}, err
	}
	return attr(to, fi), nil
}
func (s *store) Mkdir(_ context.Context, key string, parents bool, mode fs.FileMode) error {
	if parents {
		return mapErr(s.root.MkdirAll(key, mode))
	}
	return mapErr(s.root.Mkdir(key, mode))
}
func (s *store) SetMode(_ context.Context, key string, mode fs.FileMode) (driver.Attr, error) {
	if err := s.root.Chmod(name(key), mode); err != nil {
		return driver.Attr{}, mapErr(err)
	}
	fi, err := s.root.Stat(name(key))
	if err != nil {
		return driver.Attr{}, err
	}
	return attr(key, fi), nil
}
