package tier

import (
	"errors"

	"github.com/millpond/millpond/tier/internal/disk"
)

// What keeps a block from being evicted.
const (
	flagHeld = 1 << iota
	flagPinned
)

// diskFlags are marks as a disk remembers them.
func diskFlags(marks uint32) (f disk.Flags) {
	if marks&flagHeld != 0 {
		f |= disk.Held
	}
	if marks&flagPinned != 0 {
		f |= disk.Pinned
	}
	return f
}

// marks are what a disk remembers, in memory.
func marks(f disk.Flags) (marks uint32) {
	if f&disk.Held != 0 {
		marks |= flagHeld
	}
	if f&disk.Pinned != 0 {
		marks |= flagPinned
	}
	return marks
}

// Hold keeps a block until Unhold, wherever it is; on a disk durably. Errors: ErrMiss, ErrClosed; after an error of a
// directory the block may be held.
func (s *Store) Hold(id BlockID) error { return s.mark(id, flagHeld) }

// Pin is Hold for a user's wish.
func (s *Store) Pin(id BlockID) error { return s.mark(id, flagPinned) }

// Held reports whether Hold, or PutOptions.Hold, keeps a block that is here. It does no I/O.
func (s *Store) Held(id BlockID) bool {
	if s.mem != nil {
		if b := s.mem.get(&id); b != nil && b.has(flagHeld) {
			return true
		}
	}
	if s.closed.Load() {
		return false
	}
	for _, t := range s.disks {
		if _, _, flags, ok := t.find(id); ok && flags&disk.Held != 0 {
			return true
		}
	}
	return false
}

func (s *Store) mark(id BlockID, flag uint32) error {
	if s.closed.Load() {
		return ErrClosed
	}
	found := s.markMemory(&id, flag, 0)
	err := s.markDisks(id, flag, 0)
	found = s.markMemory(&id, flag, 0) || found // again: a promotion that began between the two took the disk's old marks
	if found && errors.Is(err, ErrMiss) {
		return nil
	}
	return err
}

// Unhold lets a block be evicted again, unless it is pinned.
func (s *Store) Unhold(id BlockID) { s.unmark(id, flagHeld) }

// Unpin undoes Pin.
func (s *Store) Unpin(id BlockID) { s.unmark(id, flagPinned) }

func (s *Store) unmark(id BlockID, flag uint32) {
	if s.closed.Load() {
		return
	}
	s.markMemory(&id, 0, flag)
	if err := s.markDisks(id, 0, flag); err != nil && !errors.Is(err, ErrMiss) {
		s.opts.Logger.Warn("a block may be held on disk after a crash", "block", id.String(), "err", err)
	}
	s.markMemory(&id, 0, flag) // again, as in mark
}

// markDisks changes the marks of a block on disks, durably: from the fastest down, as blocks move, so that it meets each. Errors: ErrMiss; the
// first of a directory, after all were tried.
func (s *Store) markDisks(id BlockID, set, clear uint32) error {
	found, failed := false, error(nil)
	for _, t := range s.disks {
		switch err := t.setFlags(id, diskFlags(set), diskFlags(clear)); {
		case err == nil:
			found = true
		case !errors.Is(err, ErrMiss) && failed == nil:
			failed = err
		}
	}
	if failed == nil && !found {
		return ErrMiss
	}
	return failed
}

// markMemory changes the marks of a block in memory and of what is on its way out of it; false if it is not there.
func (s *Store) markMemory(id *BlockID, set, clear uint32) bool {
	stripe := s.names.of(id.hash())
	stripe.Lock()
	defer stripe.Unlock()
	stripe.markLocked(id, set, clear)
	if s.mem == nil {
		return false
	}
	b := s.mem.get(id)
	if b == nil {
		return false
	}
	b.flags.Or(set)
	b.flags.And(^clear)
	if clear != 0 {
		s.mem.policy.Release(b.slot)
		s.mem.announce() // it may leave now
	}
	return true
}
