package ufs

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/millpond/millpond/ufs/driver"
)

// Copy copies a file over whatever file is there; the parent of to must exist, where the store has directories. A version
// that is not "" is a condition on from: ErrChanged. With Caps.Copy the store does it; else the bytes pass through us.
// Others: ErrNotExist, ErrIsDir. The copy shows whole or not at all.
func (s *Store) Copy(ctx context.Context, from, to, version string) (Attr, error) {
	if s.copies() {
		a, err := s.copyThere(ctx, from, to, version)
		if !errors.Is(err, driver.ErrUnsupported) {
			return a, err
		}
	}
	a, err := s.Stat(ctx, from)
	switch {
	case err != nil:
		return Attr{}, err
	case a.Dir:
		return Attr{}, s.wrap(opCopy, from, 1, driver.ErrIsDir)
	case version != "" && !a.Is(version):
		return Attr{}, s.wrap(opCopy, from, 1, driver.ErrChanged)
	case from == to:
		return a, nil
	}
	return s.copyThrough(ctx, a, to, false)
}

func (s *Store) copies() bool {
	_, ok := s.d.(driver.Copier)
	return ok && s.Caps().Copy
}

func (s *Store) copyThere(ctx context.Context, from, to, version string) (a Attr, err error) {
	c := s.d.(driver.Copier) // copies made sure
	err = s.call(ctx, opCopy, from, func(ctx context.Context) error {
		a, err = c.Copy(ctx, from, to, version)
		return err
	})
	return a, err
}

// copyThrough reads a file, as it was when from described it, and writes it. The body is opened after the writer, and
// is at its end before Commit: nobody holds a place under the limits while he waits for another.
func (s *Store) copyThrough(ctx context.Context, from Attr, to string, ifAbsent bool) (Attr, error) {
	w, err := s.Create(ctx, to, CreateOptions{IfAbsent: ifAbsent, Mode: from.Mode.Perm(), Size: from.Size})
	if err != nil {
		return Attr{}, err
	}
	if err := s.copyBytes(ctx, from, w); err != nil {
		return Attr{}, w.abortAfter(ctx, err)
	}
	a, err := w.Commit(ctx)
	if err != nil {
		return Attr{}, w.abortAfter(ctx, err)
	}
	return a, nil
}

func (s *Store) copyBytes(ctx context.Context, from Attr, w *Writer) error {
	body, _, err := s.Open(ctx, from.Key, 0, -1, from.Version)
	if err != nil {
		return err
	}
	defer body.Close()
	n, err := w.ReadFrom(body)
	if err == nil && n != from.Size {
		return fmt.Errorf("copy %q in %s: %d of %d bytes: %w", from.Key, s.id, n, from.Size, io.ErrUnexpectedEOF)
	}
	return err
}
