package hdfsufs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/colinmarc/hdfs/v2"

	"github.com/millpond/millpond/ufs/driver"
)

// openTries is how often a file is opened that is replaced each time meanwhile.
const openTries = 4

// Open reads a range. The NameNode is asked by name for the file and then for its blocks, and once more whether they were
// those of that file. That it still is the same at the end is ufs's to see.
func (s *store) Open(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
	p, err := s.path(key)
	if err == nil && off < 0 {
		err = driver.ErrInvalid
	}
	if err != nil {
		return nil, driver.Attr{}, err
	}
	for try := 1; ; try++ {
		b, a, err := s.openOnce(ctx, key, p, off, n, version)
		if err == nil {
			return b, a, nil
		}
		if version != "" || try == openTries || !errors.Is(err, driver.ErrChanged) {
			return nil, a, err
		}
	}
}

func (s *store) openOnce(ctx context.Context, key, path string, off, n int64, version string) (*body, driver.Attr, error) {
	x, err := s.pool.take(ctx)
	if err != nil {
		return nil, driver.Attr{}, err
	}
	b := &body{s: s, x: x}
	a, err := b.open(key, path, version)
	if err == nil {
		err = b.begin(path, a, off, n)
	}
	if err = x.explain(err); err != nil {
		b.finish(err)
		return nil, a, err
	}
	return b, a, nil
}

// body is a range on its way.
type body struct {
	s    *store
	x    *lent // nil when it has been given back
	f    *hdfs.FileReader
	left int64
	buf  []byte // has arrived and was checked
	room [chunk - 1]byte
}

// open finds the file.
func (b *body) open(key, path, version string) (driver.Attr, error) {
	f, err := b.x.c.Open(path)
	if err != nil {
		return driver.Attr{}, err
	}
	b.f = f
	st, err := statusOf(f.Stat())
	if err != nil {
		return driver.Attr{}, err
	}
	a, ok := attr(key, st)
	switch {
	case !ok:
		return a, fmt.Errorf("%w: neither a file nor a directory", driver.ErrNotExist)
	case a.Dir:
		return a, driver.ErrIsDir
	case version != "" && a.Version != version:
		return a, driver.ErrChanged
	}
	return a, readable(st)
}

// begin reads the first bytes, if there are any: only then is it known whether they may be read, and whose they are.
func (b *body) begin(path string, a driver.Attr, off, n int64) error {
	b.left = max(0, a.Size-off)
	if n >= 0 {
		b.left = min(b.left, n)
	}
	if b.left == 0 {
		b.finish(nil)
		return nil
	}
	if _, err := b.f.Seek(off, io.SeekStart); err != nil {
		return err
	}
	err := b.fill()
	st, serr := b.x.status(path)
	if serr == nil && version(st) != a.Version {
		return driver.ErrChanged // also if the blocks could not be read: they may have gone with it
	}
	return cmp.Or(serr, err)
}

// fill reads what the library hands out of one checksum's bytes. Asked for more than those it hands out what it read
// even if the checksum is another.
func (b *body) fill() error {
	n, err := b.f.Read(b.room[:min(int64(len(b.room)), b.left)])
	b.buf = b.room[:n]
	if n == 0 && (err == nil || err == io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if n > 0 {
		return nil
	}
	return err
}

// enough is what a Read waits for, if so much is asked for: a DataNode's packet.
const enough = 64 << 10

func (b *body) Read(p []byte) (n int, err error) {
	for n < min(len(p), enough) && b.left > 0 {
		if len(b.buf) == 0 {
			if err = b.fill(); err != nil {
				break
			}
		}
		some := copy(p[n:], b.buf)
		b.buf = b.buf[some:]
		b.left -= int64(some)
		n += some
	}
	switch {
	case err != nil:
		err = b.broken(err)
	case b.left == 0:
		b.finish(nil)
		if n == 0 {
			err = io.EOF
		}
	}
	return n, err
}

// broken says why reading ended. After that, and after Close, there is nothing to read by.
func (b *body) broken(err error) error {
	if b.x == nil {
		return io.ErrClosedPipe
	}
	err = b.x.explain(err)
	b.finish(err)
	return err
}

// finish gives the session back.
func (b *body) finish(err error) {
	if b.f != nil {
		b.f.Close() // its connection to a DataNode
	}
	if b.x != nil {
		b.s.pool.give(b.x, err)
		b.x = nil
	}
}

// Close gives up what has not come.
func (b *body) Close() error {
	b.finish(nil)
	return nil
}
