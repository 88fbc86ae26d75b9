package ufs

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/millpond/millpond/ufs/driver"
	"golang.org/x/sync/errgroup"
)

// renameDir moves the children of a directory one by one.
func (s *Store) renameDir(ctx context.Context, from, to string, overwrite bool) (Attr, error) {
	if s.Caps().NoList {
		return Attr{}, s.wrap(opRename, from, 1, driver.ErrUnsupported)
	}
	a, err := s.Stat(ctx, to)
	switch {
	case err == nil && (!a.Dir || !overwrite):
		return Attr{}, s.wrap(opRename, to, 1, driver.ErrExist)
	case err != nil && !errors.Is(err, driver.ErrNotExist):
		return Attr{}, err
	}
	m := &moving{s: s, from: from, to: to, overwrite: overwrite}
	e := &emptying{s: s, files: m.files}
	if s.Caps().Directories {
		e.found = m.mkdir
	} else {
		e.bare = m.mkdir // the others live by what is in them
	}
	if err = e.dir(ctx, from); err == nil {
		a, err = s.Stat(ctx, to)
	}
	if err != nil && m.begun.Load() {
		err = &driver.Unknown{Err: err}
	}
	return a, err
}

// moving is a directory on its way.
type moving struct {
	s         *Store
	from, to  string
	overwrite bool
	begun     atomic.Bool // something is under the new name
}

// at is where a key of from goes.
func (m *moving) at(key string) string { return m.to + key[len(m.from):] }

func (m *moving) mkdir(ctx context.Context, dir string) error {
	err := m.s.Mkdir(ctx, m.at(dir), false, 0o755)
	if errors.Is(err, driver.ErrExist) { // an earlier try made it
		return nil
	}
	if !refused(err) {
		m.begun.Store(true)
	}
	return err
}

func (m *moving) files(ctx context.Context, page []Attr) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(many)
	for _, a := range page {
		g.Go(func() error {
			_, err := m.s.renameFile(ctx, a, m.at(a.Key), m.overwrite)
			if !refused(err) {
				m.begun.Store(true)
			}
			return err
		})
	}
	return g.Wait()
}

// refused reports whether the store has said no, and that was all.
func refused(err error) bool {
	_, unknown := errors.AsType[*driver.Unknown](err)
	k := sort(err)
	return !unknown && k != kindNone && k < kindCanceled
}
