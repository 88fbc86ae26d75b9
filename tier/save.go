package tier

import (
	"context"
	"errors"
	"fmt"

	"github.com/millpond/millpond/tier/internal/disk"
)

// Save makes blocks durable on a disk tier; copies in memory stay. Errors: ErrNoDisk, ErrMiss, ErrNoSpace, ErrClosed.
func (s *Store) Save(ctx context.Context, ids ...BlockID) error {
	if s.closed.Load() {
		return ErrClosed
	}
	if len(s.disks) == 0 {
		return ErrNoDisk
	}
	saved := newSyncList()
	for _, id := range ids {
		if err := s.saveOne(ctx, id, saved); err != nil {
			return err
		}
	}
	return saved.sync(s)
}

// saveOne makes sure that a disk has the block, with what holds it.
func (s *Store) saveOne(ctx context.Context, id BlockID, saved syncList) error {
	var mv move
	if err := s.names.begin(&mv, id); err != nil {
		return err
	}
	defer s.names.end(&mv)
	if s.mem != nil {
		if b := s.mem.get(&id); b != nil && b.acquire() {
			defer b.release()
			_, err := s.copyDown(ctx, &mv, b, s.disks)
			if err == nil {
				err = saved.add(s, id)
			}
			if errors.Is(err, ErrDropped) {
				err = ErrMiss
			}
			return err
		}
	}
	return saved.add(s, id)
}

// syncList are blocks that are to be made durable together.
type syncList map[*mounted][]disk.ID

func newSyncList() syncList { return syncList{} }

func (l syncList) add(s *Store, id BlockID) error {
	for _, t := range s.disks {
		if m, _, _, ok := t.find(id); ok {
			l[m] = append(l[m], disk.ID(id))
			return nil
		}
	}
	return ErrMiss
}

// sync makes the blocks durable where they are; those that moved to another directory meanwhile, there.
func (l syncList) sync(s *Store) error {
	for len(l) > 0 {
		if s.closed.Load() {
			return ErrClosed
		}
		moved := newSyncList()
		for m, ids := range l {
			err := m.sync(ids...)
			if err != nil && !errors.Is(err, disk.ErrMiss) && !errors.Is(err, disk.ErrClosed) {
				return err
			}
			for i := 0; err != nil && i < len(ids); i++ {
				if err := moved.add(s, BlockID(ids[i])); err != nil {
					return err
				}
			}
		}
		l = moved
	}
	return nil
}

// saveDown writes memory to the disk tiers, fastest first. Only what must not be lost and could not be saved is an error.
func (s *Store) saveDown(ctx context.Context) error {
	if len(s.disks) == 0 {
		return nil
	}
	kept, why := 0, error(nil)
	for b := range s.mem.index.all() { // marked ones first, whatever their use
		if !b.has(flagHeld | flagPinned) {
			continue
		}
		if err := s.saveBlock(ctx, b, s.disks); err != nil && b.has(flagHeld) {
			kept, why = kept+1, err
		}
	}
	for slot := range s.mem.policy.Hottest() {
		if ctx.Err() != nil {
			break
		}
		if b := s.mem.slots.at(slot); b != nil && !b.has(flagHeld|flagPinned) && !s.onDisk(b.id) {
			_ = s.saveBlock(ctx, b, s.withRoom(b.length)) // it may be brought again
		}
	}
	if kept > 0 {
		return fmt.Errorf("%d held blocks could not be saved to a disk tier: %w", kept, why)
	}
	return nil
}

// saveBlock makes the block safe: saved, or not there any more. Else it says why not.
func (s *Store) saveBlock(ctx context.Context, b *Block, to []*disks) error {
	_, err := s.demote(ctx, b, to)
	if errors.Is(err, ErrDropped) {
		return nil
	}
	return err
}

func (s *Store) onDisk(id BlockID) bool {
	for _, t := range s.disks {
		if _, _, _, ok := t.find(id); ok {
			return true
		}
	}
	return false
}

// withRoom are the disk tiers that a block fits into without evicting another: at the end, what a disk has is as good.
func (s *Store) withRoom(length int64) (fit []*disks) {
	for _, t := range s.disks {
		for _, dir := range t.dirs {
			if m := dir.writable(); m != nil && m.d.Used()+m.d.Charge(length) <= m.d.Capacity() {
				fit = append(fit, t)
				break
			}
		}
	}
	return fit
}
