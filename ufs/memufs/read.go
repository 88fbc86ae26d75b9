package memufs

import (
	"context"
	"io"

	"github.com/millpond/millpond/ufs/driver"
)

// Stat describes a key.
func (s *Store) Stat(ctx context.Context, key string) (driver.Attr, error) {
	if err := s.enter(ctx, "stat", key); err != nil {
		return driver.Attr{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.findLocked(key)
	if err != nil {
		return driver.Attr{}, err
	}
	return n.attr(key), nil
}

// Open reads a range of the bytes that the file has now.
func (s *Store) Open(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
	if err := s.enter(ctx, "open", key); err != nil {
		return nil, driver.Attr{}, err
	}
	if off < 0 {
		return nil, driver.Attr{}, driver.ErrInvalid
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.findLocked(key)
	switch {
	case err != nil:
		return nil, driver.Attr{}, err
	case f.dir:
		return nil, f.attr(key), driver.ErrIsDir
	case version != "" && s.caps.IfVersion && version != f.version:
		return nil, f.attr(key), driver.ErrChanged
	}
	size := int64(len(f.data))
	off = min(off, size)
	if n < 0 || n > size-off {
		n = size - off
	}
	return &body{ctx: ctx, s: s, key: key, left: f.data[off : off+n]}, f.attr(key), nil
}

type body struct {
	ctx  context.Context
	s    *Store
	key  string
	left []byte
}

func (b *body) Read(p []byte) (int, error) {
	if err := b.s.ask(b.ctx, "read", b.key); err != nil {
		return 0, err
	}
	if len(b.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	b.s.sent.Add(int64(n))
	return n, nil
}

func (b *body) Close() error { return nil }
