package fileufs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/millpond/millpond/ufs/driver"
)

// openTries is how often a file is opened that each time is replaced before it is described: who replaces it does other
// things between.
const openTries = 10

var errReplaced = fmt.Errorf("%w: replaced while it was open", driver.ErrChanged)

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
	f, a, st, err := s.open(ctx, r, key, local, version)
	for try := 1; try < openTries && errors.Is(err, errReplaced); try++ {
		f, a, st, err = s.open(ctx, r, key, local, version)
	}
	if err != nil {
		return nil, a, err
	}
	if n < 0 || n > a.Size-off {
		n = max(0, a.Size-off)
	}
	return &body{s: s, root: r, f: f, st: st, off: off, left: n}, a, nil
}

// open opens a file and describes it, if it is one and has the version.
func (s *store) open(ctx context.Context, r *os.Root, key, local, version string) (*os.File, driver.Attr, stamp, error) {
	f, err := r.OpenFile(local, os.O_RDONLY|nonBlock, 0)
	if isStale(err) {
		return nil, driver.Attr{}, stamp{}, s.failOpen(r, err)
	}
	if err != nil {
		return nil, driver.Attr{}, stamp{}, s.fail(r, err)
	}
	a, st, err := s.opened(ctx, r, key, f, version)
	if err != nil {
		f.Close()
		return nil, a, st, err
	}
	return f, a, st, nil
}

func (s *store) opened(ctx context.Context, r *os.Root, key string, f *os.File, version string) (driver.Attr, stamp, error) {
	fi, st, err := still(ctx, f.Stat)
	if err != nil {
		return driver.Attr{}, st, s.failOpen(r, err)
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

// failOpen is fail for a file that is open. The servers of network file systems (GlusterFS, NFS) may forget one as soon
// as another file has its name, or nothing has.
func (s *store) failOpen(r *os.Root, err error) error {
	if errors.Is(err, fs.ErrNotExist) || isStale(err) {
		if _, rerr := r.Stat("."); rerr == nil && !removed(r) {
			return errReplaced
		}
	}
	return s.fail(r, err)
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
		return 0, b.s.failOpen(b.root, err)
	}
	fi, serr := b.f.Stat()
	if serr != nil {
		return 0, b.s.failOpen(b.root, serr)
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
