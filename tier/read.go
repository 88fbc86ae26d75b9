package tier

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// Get returns a block that is in memory, or nil. It takes no lock, does no I/O and allocates nothing. That it found nothing
// is not counted: who goes on to ReadAt or View is counted there.
func (s *Store) Get(id BlockID) *Block {
	if s.mem == nil {
		return nil
	}
	b := s.mem.get(&id)
	if b == nil || !b.alive() {
		return nil
	}
	b.touch()
	s.mem.count.hits.Add(1)
	return b
}

// look has once look into all tiers, and again if it found nothing while blocks moved: one that goes from a tier to another is always
// in one of them, but who looks into one after the other may meet it in none.
func (s *Store) look(ctx context.Context, once func() (found bool)) {
	for {
		before := s.moves.Load()
		if once() || s.moves.Load() == before || ctx.Err() != nil {
			return
		}
	}
}

// Has reports the fastest tier that has a block, and the block's length in bytes. It does no I/O.
func (s *Store) Has(id BlockID) (kind Kind, length int64, ok bool) {
	s.look(s.ctx, func() bool {
		kind, length, ok = s.find(id)
		return ok
	})
	return kind, length, ok
}

func (s *Store) find(id BlockID) (kind Kind, length int64, ok bool) {
	if s.mem != nil {
		if b := s.mem.get(&id); b != nil {
			return Memory, b.length, true
		}
	}
	if s.closed.Load() {
		return 0, 0, false
	}
	for _, t := range s.disks {
		if _, n, _, ok := t.find(id); ok {
			return t.cfg.Kind, n, true
		}
	}
	return 0, 0, false
}

// ReadAt copies a block's bytes from off on into p, whichever tier has it; fewer than len(p) only at the block's end.
// From a disk they are read straight into p, checked if nobody has read them since Open. With promote the block moves
// to memory behind. Errors: ErrMiss, also for a block that did not match its checksum or whose directory does not work;
// fs.ErrInvalid for an off below 0; ErrClosed.
func (s *Store) ReadAt(ctx context.Context, id BlockID, p []byte, off int64, promote bool) (n int, kind Kind, err error) {
	return s.read(ctx, id, p, off, promote, false)
}

// ReadChecked is ReadAt that compares what comes from a disk with its checksums, whether that was done before or not: for bytes that
// go where nobody has these any more.
func (s *Store) ReadChecked(ctx context.Context, id BlockID, p []byte, off int64) (int, error) {
	n, _, err := s.read(ctx, id, p, off, false, true)
	return n, err
}

func (s *Store) read(ctx context.Context, id BlockID, p []byte, off int64, promote, check bool) (n int, kind Kind, err error) {
	if ctx.Err() != nil {
		return 0, 0, context.Cause(ctx)
	}
	if off < 0 {
		return 0, 0, fmt.Errorf("%w: read at %d", fs.ErrInvalid, off)
	}
	var from *disks
	s.look(ctx, func() bool {
		n, from, err = s.readOnce(id, p, off, check)
		return err == nil || !errors.Is(err, ErrMiss)
	})
	switch {
	case errors.Is(err, ErrMiss):
		s.count(nil)
		return 0, 0, err
	case from == nil:
		return n, Memory, err
	case err != nil:
		return 0, from.cfg.Kind, err
	}
	s.count(from)
	if promote && s.mem != nil {
		s.promoteSoon(id)
	}
	return n, from.cfg.Kind, nil
}

// readOnce says which tier had the block, or failed; nil: memory, or none.
func (s *Store) readOnce(id BlockID, p []byte, off int64, check bool) (n int, from *disks, err error) {
	if b := s.Get(id); b != nil {
		if n, ok := b.ReadAt(p, off); ok {
			return n, nil, nil
		}
	}
	if s.closed.Load() {
		return 0, nil, ErrClosed
	}
	for _, t := range s.disks {
		if n, err := t.readAt(id, p, off, check); !errors.Is(err, ErrMiss) {
			return n, t, err
		}
	}
	return 0, nil, ErrMiss
}

// count counts a look that did not find its block in memory, and found it in a disk tier; nil: in none.
func (s *Store) count(from *disks) {
	if s.mem != nil {
		s.mem.count.misses.Add(1)
	}
	for _, t := range s.disks {
		if t == from {
			t.count.hits.Add(1)
			return
		}
		t.count.misses.Add(1)
	}
}

// View lends a piece of a block, at most n bytes and to the end of the piece that off lies in. A block on a disk is
// brought to memory first. Errors: ErrMiss, ErrNoSpace if memory cannot take it, fs.ErrInvalid for what is not in the
// block, ErrClosed.
func (s *Store) View(ctx context.Context, id BlockID, off int64, n int) (*View, error) {
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		b := s.Get(id)
		if b == nil {
			var err error
			if b, err = s.viewed(ctx, id); err != nil {
				return nil, err
			}
		}
		if off < 0 || off >= b.length || n <= 0 {
			return nil, fmt.Errorf("%w: view of %d bytes at %d of block %v, which has %d", fs.ErrInvalid, n, off, id, b.length)
		}
		if v, ok := b.View(off, n); ok {
			return &v, nil
		}
	}
}

// viewed brings up a block that a View did not find in memory, and counts in which tier it was.
func (s *Store) viewed(ctx context.Context, id BlockID) (*Block, error) {
	b, from, err := s.bringUp(ctx, id)
	if errors.Is(err, ErrClosed) {
		return nil, err
	}
	s.count(from)
	return b, err
}
