package tier

import (
	"context"
	"errors"
)

// promoteSoon asks for a block to be brought up; a full queue forgets it, and the next read asks again.
func (s *Store) promoteSoon(id BlockID) {
	select {
	case s.promote <- id:
	default:
	}
}

// promoteBehind brings up what readers found on disks, until ctx ends. Owner: Open.
func (s *Store) promoteBehind(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-s.promote:
			if _, err := s.Promote(ctx, id); err != nil && !errors.Is(err, ErrMiss) && ctx.Err() == nil {
				s.opts.Logger.Debug("block not promoted", "block", id.String(), "err", err)
			}
		}
	}
}

// Promote brings a block from a disk to memory and returns it. Errors: ErrMiss; ErrNoSpace if there is no memory tier or
// nothing in it may leave; ErrClosed.
func (s *Store) Promote(ctx context.Context, id BlockID) (*Block, error) {
	b, _, err := s.bringUp(ctx, id)
	return b, err
}

// bringUp is Promote that tells the tier that had the block: nil if memory did.
func (s *Store) bringUp(ctx context.Context, id BlockID) (b *Block, from *disks, err error) {
	s.look(ctx, func() bool {
		b, from, err = s.bringUpOnce(ctx, id)
		return err == nil || !errors.Is(err, ErrMiss)
	})
	return b, from, err
}

func (s *Store) bringUpOnce(ctx context.Context, id BlockID) (b *Block, from *disks, err error) {
	if s.closed.Load() {
		return nil, nil, ErrClosed
	}
	for _, t := range s.disks {
		_, length, _, ok := t.find(id)
		if !ok {
			continue
		}
		if s.mem == nil {
			return nil, t, ErrNoSpace
		}
		b, err := s.bring(ctx, t, id, length)
		switch {
		case err == nil:
			t.count.promotions.Add(1)
			return b, t, nil
		case errors.Is(err, ErrExist), errors.Is(err, ErrMiss):
		case errors.Is(err, ErrDropped):
			return nil, nil, ErrMiss
		default:
			return nil, t, err
		}
	}
	if b := s.Get(id); b != nil {
		return b, nil, nil
	}
	return nil, nil, ErrMiss
}

// bring reads a whole block into memory. The copy on the disk stays: demoting the block again then writes nothing. What holds it
// there holds it here too, since the disk may fail.
func (s *Store) bring(ctx context.Context, t *disks, id BlockID, length int64) (*Block, error) {
	w, err := s.newWriter(ctx, id, length, PutOptions{Fill: true})
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	w.noSpill = true
	_, _, flags, _ := t.find(id) // after the move was announced: who changes them later tells it
	w.mv.follows = true
	w.b.flags.Store(marks(flags))
	if err := w.grow(length); err != nil {
		return nil, err
	}
	for _, p := range *w.parts.Load() {
		off := w.n.Load()
		p = p[:min(int64(len(p)), length-off)]
		if len(p) == 0 {
			break
		}
		n, err := t.readAt(id, p, off, true) // in memory nothing is compared any more
		if err == nil && n < len(p) {
			err = ErrMiss
		}
		if err != nil {
			return nil, err
		}
		w.n.Add(int64(n))
	}
	w.Sums(0, t.sums(id))
	return w.Commit(ctx)
}
