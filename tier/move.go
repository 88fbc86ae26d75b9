package tier

import (
	"context"
	"errors"

	"github.com/millpond/millpond/tier/internal/disk"
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
// nothing in it may leave.
func (s *Store) Promote(ctx context.Context, id BlockID) (*Block, error) {
	if s.mem == nil {
		if _, _, ok := s.Has(id); ok {
			return nil, ErrNoSpace
		}
		return nil, ErrMiss
	}
	for _, t := range s.disks {
		_, length, _, ok := t.find(id)
		if !ok {
			continue
		}
		b, err := s.bring(ctx, t, id, length)
		switch {
		case err == nil:
			t.count.promotions.Add(1)
			return b, nil
		case errors.Is(err, ErrExist):
		case !errors.Is(err, ErrMiss):
			return nil, err
		}
	}
	if b := s.Get(id); b != nil {
		return b, nil
	}
	return nil, ErrMiss
}

// bring reads a whole block into memory. The copy on the disk stays, with what holds it there: demoting the block again
// then writes nothing.
func (s *Store) bring(ctx context.Context, t *disks, id BlockID, length int64) (*Block, error) {
	w := s.newWriter(ctx, id, length, PutOptions{Fill: true})
	defer w.Abort()
	if err := w.grow(length); err != nil {
		return nil, err
	}
	for _, p := range *w.parts.Load() {
		off := w.n.Load()
		p = p[:min(int64(len(p)), length-off)]
		if len(p) == 0 {
			break
		}
		n, err := t.readAt(id, p, off)
		if err == nil && n < len(p) {
			err = ErrMiss
		}
		if err != nil {
			return nil, err
		}
		w.n.Add(int64(n))
	}
	return w.Commit(ctx)
}

// Save makes blocks durable on a disk tier; copies in memory stay. Errors: ErrNoDisk, ErrMiss, ErrNoSpace.
func (s *Store) Save(ctx context.Context, ids ...BlockID) error {
	if len(s.disks) == 0 {
		return ErrNoDisk
	}
	sync := map[*directory][]disk.ID{}
	for _, id := range ids {
		dir, err := s.saveOne(ctx, id)
		if err != nil {
			return err
		}
		sync[dir] = append(sync[dir], disk.ID(id))
	}
	for dir, list := range sync {
		d, done, up := dir.use()
		if !up {
			return dir.cause.Load().Err
		}
		err := d.Sync(list...)
		done()
		if err != nil {
			dir.failed(err)
			return err
		}
	}
	return nil
}

// saveOne makes sure that a disk has the block, with what holds it.
func (s *Store) saveOne(ctx context.Context, id BlockID) (*directory, error) {
	var b *Block
	var flags disk.Flags
	if s.mem != nil {
		if b = s.mem.get(&id); b != nil && b.acquire() {
			defer b.release()
			flags = b.diskFlags()
		} else {
			b = nil
		}
	}
	for _, t := range s.disks {
		if dir, _, _, ok := t.find(id); ok {
			return dir, t.setFlags(id, flags, 0)
		}
	}
	if b == nil {
		return nil, ErrMiss
	}
	err := ErrNoSpace
	for _, t := range s.disks {
		if err = t.put(ctx, id, b.bytes(), flags, s.mem.policy.Frequency(b.key)); err == nil || errors.Is(err, ErrExist) {
			if dir, _, _, ok := t.find(id); ok {
				return dir, nil
			}
			err = ErrMiss
		}
		if !errors.Is(err, ErrNoSpace) {
			break
		}
	}
	return nil, err
}

// Hold keeps a block until Unhold, wherever it is; on a disk durably. Errors: ErrMiss.
func (s *Store) Hold(id BlockID) error { return s.setFlag(id, flagHeld, disk.Held) }

// Pin is Hold for a user's wish.
func (s *Store) Pin(id BlockID) error { return s.setFlag(id, flagPinned, disk.Pinned) }

func (s *Store) setFlag(id BlockID, flag uint32, onDisk disk.Flags) error {
	found := s.mem != nil && s.mem.mark(&id, flag)
	for _, t := range s.disks {
		switch err := t.setFlags(id, onDisk, 0); {
		case err == nil:
			found = true
		case !errors.Is(err, ErrMiss):
			return err
		}
	}
	if !found {
		return ErrMiss
	}
	return nil
}

// Unhold lets a block be evicted again, unless it is pinned.
func (s *Store) Unhold(id BlockID) { s.clearFlag(id, flagHeld, disk.Held) }

// Unpin undoes Pin.
func (s *Store) Unpin(id BlockID) { s.clearFlag(id, flagPinned, disk.Pinned) }

func (s *Store) clearFlag(id BlockID, flag uint32, onDisk disk.Flags) {
	if s.mem != nil {
		if b := s.mem.get(&id); b != nil {
			b.flags.And(^flag)
			s.mem.policy.Release(b.slot)
		}
	}
	for _, t := range s.disks {
		if err := t.setFlags(id, 0, onDisk); err != nil && !errors.Is(err, ErrMiss) {
			s.opts.Logger.Warn("a block stays held on disk", "block", id.String(), "err", err)
		}
	}
}

// Drop takes a block out of all tiers, held or not, and reports whether it was in one. Views keep their bytes.
func (s *Store) Drop(id BlockID) (dropped bool) {
	if s.mem != nil {
		if b := s.mem.get(&id); b != nil {
			dropped = s.mem.drop(b)
		}
	}
	for _, t := range s.disks {
		dropped = t.drop(id) || dropped
	}
	return dropped
}

// DropFile drops all blocks of a file and returns how many there were. It looks through the index of memory.
func (s *Store) DropFile(f FileID) (n int) {
	if s.mem != nil {
		for b := range s.mem.index.all() {
			if b.id.File() == f && s.mem.drop(b) {
				n++
			}
		}
	}
	for _, t := range s.disks {
		for _, dir := range t.dirs {
			if d, done, up := dir.use(); up {
				n += d.DeleteFile(f)
				done()
			}
		}
	}
	return n
}

// SetQuota changes what a directory may take, in bytes; a smaller quota evicts until it is kept.
func (s *Store) SetQuota(ctx context.Context, kind Kind, path string, quota int64) error {
	for _, t := range s.disks {
		for _, dir := range t.dirs {
			if t.cfg.Kind != kind || dir.path != path {
				continue
			}
			dir.quota.Store(quota)
			d, done, up := dir.use()
			if !up {
				return nil
			}
			d.SetQuota(quota)
			dir.pol.Resize(uint64(quota / costUnit))
			over := func() bool { return d.Used() > d.Capacity() }
			done()
			for over() {
				if err := ctx.Err(); err != nil {
					return context.Cause(ctx)
				}
				if !dir.evictOne(ctx) {
					return ErrNoSpace
				}
			}
			return nil
		}
	}
	return ErrMiss
}
