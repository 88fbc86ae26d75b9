package cachefs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"
)

// IOFS shows what lies below root as an fs.FS, for whoever reads the standard interface: http.FileServerFS,
// template.ParseFS, fs.WalkDir. It shows complete files whose names fs.ValidPath allows and that have no backslash; the
// others are left out, and Metrics.HiddenNames counts them as listings meet them. ctx ends its calls and the reads of its
// files. Its files are io.ReaderAt and io.Seeker too. There are no links: ReadLink is ErrInvalid.
func IOFS(ctx context.Context, fsys FileSystem, root string) fs.FS {
	return &ioFS{ctx: ctx, fsys: fsys, root: root}
}

type ioFS struct {
	ctx  context.Context
	fsys FileSystem
	root string
}

var (
	_ fs.ReadDirFS  = (*ioFS)(nil)
	_ fs.ReadFileFS = (*ioFS)(nil)
	_ fs.StatFS     = (*ioFS)(nil)
	_ fs.SubFS      = (*ioFS)(nil)
	_ fs.ReadLinkFS = (*ioFS)(nil)
)

// path maps a name of the fs.FS to one of ours. What shows hides does not exist, rather than being a bad name: a
// web server then answers 404, not 500.
func (f *ioFS) path(op, name string) (string, error) {
	switch {
	case !utf8.ValidString(name) || strings.ContainsAny(name, "\\\x00"):
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	case !fs.ValidPath(name):
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return f.root, nil
	}
	return join(f.root, name), nil
}

// renamed gives an error the name that the caller used.
func renamed(op, name string, err error) error {
	if err == nil {
		return nil
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	if errors.Is(err, ErrIncomplete) {
		err = ErrNotExist // not to be seen yet
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// shows reports whether an entry is one that an fs.FS may have, and counts it if not.
func (f *ioFS) shows(i *Info) bool {
	if i.Complete() && fs.ValidPath(i.Name()) && !strings.Contains(i.Name(), `\`) {
		return true
	}
	if n, ok := f.fsys.(*Node); ok {
		n.counters.hiddenNames.Add(1)
	}
	return false
}

func (f *ioFS) stat(op, name string) (*Info, string, error) {
	p, err := f.path(op, name)
	if err != nil {
		return nil, "", err
	}
	info, err := f.fsys.Stat(f.ctx, p, nil)
	if err == nil && !info.Complete() {
		err = ErrNotExist
	}
	return info, p, renamed(op, name, err)
}

func (f *ioFS) Stat(name string) (fs.FileInfo, error) {
	info, _, err := f.stat("stat", name)
	if err != nil {
		return nil, err
	}
	return named{info, name}, nil
}

// Lstat is Stat: there are no links.
func (f *ioFS) Lstat(name string) (fs.FileInfo, error) { return f.Stat(name) }

// ReadLink fails: there are no links.
func (f *ioFS) ReadLink(name string) (string, error) {
	_, _, err := f.stat("readlink", name)
	if err == nil {
		err = &fs.PathError{Op: "readlink", Path: name, Err: invalid("not a link")}
	}
	return "", err
}

func (f *ioFS) Open(name string) (fs.File, error) {
	info, p, err := f.stat("open", name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return &ioDir{f: f, name: name, path: p, info: info}, nil
	}
	file, err := f.fsys.Open(f.ctx, p, nil)
	if err != nil {
		return nil, renamed("open", name, err)
	}
	return file, nil
}

func (f *ioFS) ReadFile(name string) ([]byte, error) {
	p, err := f.path("open", name)
	if err != nil {
		return nil, err
	}
	file, err := f.fsys.Open(f.ctx, p, nil)
	if err != nil {
		return nil, renamed("open", name, err)
	}
	defer file.Close()
	b := make([]byte, file.Size())
	_, err = io.ReadFull(file, b)
	return b, renamed("read", name, err)
}

func (f *ioFS) ReadDir(name string) ([]fs.DirEntry, error) {
	p, err := f.path("readdir", name)
	if err != nil {
		return nil, err
	}
	var list []fs.DirEntry
	for info, err := range f.fsys.List(f.ctx, p, nil) {
		if err != nil {
			return list, renamed("readdir", name, err)
		}
		if f.shows(info) {
			list = append(list, fs.FileInfoToDirEntry(info))
		}
	}
	return list, nil
}

func (f *ioFS) Sub(dir string) (fs.FS, error) {
	info, p, err := f.stat("sub", dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "sub", Path: dir, Err: ErrNotDir}
	}
	return &ioFS{ctx: f.ctx, fsys: f.fsys, root: p}, nil
}

// named is the Info of a root, whose name is "." to those who see it as one.
type named struct {
	*Info
	name string
}

func (n named) Name() string {
	if n.name == "." {
		return "."
	}
	return n.Info.Name()
}

// ioDir is an open directory. Like any fs.File it is used by one goroutine at a time.
type ioDir struct {
	f      *ioFS
	name   string
	path   string
	info   *Info
	after  string
	end    bool
	closed bool
}

func (d *ioDir) Stat() (fs.FileInfo, error) {
	if d.closed {
		return nil, &fs.PathError{Op: "stat", Path: d.name, Err: ErrClosed}
	}
	return named{d.info, d.name}, nil
}

func (d *ioDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: ErrIsDir}
}

func (d *ioDir) Close() error {
	if d.closed {
		return &fs.PathError{Op: "close", Path: d.name, Err: ErrClosed}
	}
	d.closed = true
	return nil
}

// ReadDir returns the next n entries; all of them, and no io.EOF, if n <= 0.
func (d *ioDir) ReadDir(n int) (list []fs.DirEntry, err error) {
	if d.closed {
		return nil, &fs.PathError{Op: "readdir", Path: d.name, Err: ErrClosed}
	}
	if !d.end {
		for info, err := range d.f.fsys.List(d.f.ctx, d.path, &ListOptions{StartAfter: d.after}) {
			if err != nil {
				return list, renamed("readdir", d.name, err)
			}
			d.after = info.Name()
			if !d.f.shows(info) {
				continue
			}
			list = append(list, fs.FileInfoToDirEntry(info))
			if n > 0 && len(list) == n {
				return list, nil
			}
		}
		d.end = true
	}
	if n > 0 && len(list) == 0 {
		return nil, io.EOF
	}
	return list, nil
}
