package memufs

import (
	"bytes"
	"context"

	"github.com/millpond/millpond/ufs/driver"
)

type writer struct {
	ctx context.Context
	s   *Store
	key string
	o   driver.CreateOptions
	buf bytes.Buffer
}

// Create begins a file. Nothing is made before Commit.
func (s *Store) Create(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
	if err := s.enterChange(ctx, "create", key, (!o.IfAbsent || s.caps.IfAbsent) && (o.IfVersion == "" || s.caps.ReplaceVersion)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.roomLocked(key, o.Parents); err != nil {
		return nil, err
	}
	return &writer{ctx: ctx, s: s, key: key, o: o}, nil
}

// roomLocked says whether a file could be put there, without making its parents.
func (s *Store) roomLocked(key string, parents bool) error {
	if key == "" {
		return driver.ErrIsDir
	}
	n := s.mu.root
	list := components(key)
	for _, c := range list[:len(list)-1] {
		kid := n.kids[c]
		switch {
		case kid == nil && (parents || !s.caps.Directories):
			return nil
		case kid == nil:
			return driver.ErrNotExist
		case !kid.dir:
			return driver.ErrNotDir
		}
		n = kid
	}
	return nil
}

func (w *writer) Write(p []byte) (int, error) {
	if err := w.s.ask(w.ctx, "write", w.key); err != nil {
		return 0, err
	}
	return w.buf.Write(p)
}

// Commit publishes the file.
func (w *writer) Commit(ctx context.Context) (driver.Attr, error) {
	s := w.s
	if err := s.enterChange(ctx, "commit", w.key, true); err != nil {
		return driver.Attr{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch old, err := s.findLocked(w.key); {
	case err == nil && w.o.IfAbsent && !old.dir:
		return driver.Attr{}, driver.ErrExist
	case w.o.IfVersion != "" && (err != nil || old.version != w.o.IfVersion):
		return driver.Attr{}, driver.ErrChanged
	}
	n, err := s.setLocked(w.key, w.buf.Bytes(), w.o.Mode, w.o.Parents)
	if err != nil {
		return driver.Attr{}, err
	}
	return n.attr(w.key), nil
}

// Abort leaves nothing, as there is nothing.
func (w *writer) Abort(ctx context.Context) error { return w.s.enter(ctx, "abort", w.key) }
