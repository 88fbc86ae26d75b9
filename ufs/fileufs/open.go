package fileufs

import (
	"context"
	"io"
	"io/fs"
	"os"

	"github.com/millpond/millpond/ufs/driver"
)

// Open reads a range.
func (s *store) Open(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
	local, err := name(key)
	if err == nil && off < 0 {
		err = driver.ErrInvalid
	}
	if err != nil {
		return nil, driver.Attr{}, err
	}
	r := s.place.root.Load()
	f, err := r.OpenFile(local, os.O_RDONLY|nonBlock, 0)
	if err != nil {
		return nil, driver.Attr{}, s.fail(r, err)
	}
	a, st, err := s.opened(ctx, r, key, f, version)
	if err != nil {
		f.Close()
		return nil, a, err
	}
	if n < 0 || n > a.Size-off {
		n = max(0, a.Size-off)
	}
	return &body{s: s, root: r, f: f, st: st, off: off, left: n}, a, nil
}

// opened describes an open file, if it is one and has the version.
func (s *store) opened(ctx context.Context, r *os.Root, key string, f *os.File, version string) (driver.Attr, stamp, error) {
	fi, st, err := still(ctx, f.Stat)
	if err != nil {
		return driver.Attr{}, st, s.fail(r, err)
	}
	a, err := s.attr(key, fi, st)
	switch {
	case err != nil:
	case a.Dir:
		err = driver.ErrIsDir
	case version != "" && !st.is(version):
		err = driver.ErrChanged
	case version != "":
		a.Version, a.Was = version, ""
	}
	return a, st, err
}

// body reads what was opened while it is that.
type body struct {
	s         *store
	root      *os.Root
	f         *os.File
	st        stamp
	off, left int64
}

// Read looks after each piece whether it is still the file that was opened: it may be written in place.
func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.f.ReadAt(p[:min(int64(len(p)), b.left)], b.off)
	if err != nil && err != io.EOF {
		return 0, b.s.fail(b.root, err)
	}
	fi, serr := b.f.Stat()
	if serr != nil {
		return 0, b.s.fail(b.root, serr)
	}
	if !b.st.sameContent(fi) {
		return 0, driver.ErrChanged
	}
	if n == 0 && err == io.EOF {
		return 0, io.ErrUnexpectedEOF
	}
	b.off += int64(n)
	b.left -= int64(n)
	return n, nil
}

// sameContent: others may chmod or rename what is read.
func (s stamp) sameContent(fi fs.FileInfo) bool {
	return fi.Size() == s.size && fi.ModTime().UnixNano() == s.mod
}

func (b *body) Close() error { return b.f.Close() }
