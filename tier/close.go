package tier

import (
	"context"
	"errors"
	"fmt"
)

// Close saves what is only in memory to the disks, most used first, as far as ctx and their room go, waits for Views,
// and lets the directories go. Views that are still lent when ctx ends are named in the error; their memory stays.
// A second call returns nil at once.
func (s *Store) Close(ctx context.Context) error {
	if s.closed.Swap(true) {
		return nil
	}
	s.stop()
	s.behind.Wait()
	var errs []error
	if s.mem != nil {
		errs = append(errs, s.saveDown(ctx))
		for b := range s.mem.index.all() {
			s.mem.drop(b)
		}
		errs = append(errs, s.mem.waitIdle(ctx))
	}
	errs = append(errs, s.closeDisks()...)
	return errors.Join(errs...)
}

// saveDown writes memory to the next tier. Only what must not be lost and could not be saved is an error.
func (s *Store) saveDown(ctx context.Context) error {
	below := s.below(Memory)
	if below == nil {
		return nil
	}
	kept := 0
	for b := range s.mem.index.all() { // held ones first, whatever their use
		if b.has(flagHeld) {
			kept += s.saveBlock(ctx, b, below)
		}
	}
	for slot := range s.mem.policy.Hottest() {
		if b := s.mem.slots.at(slot); b != nil && !b.has(flagHeld) && ctx.Err() == nil && below.hasRoom(b.length) {
			s.saveBlock(ctx, b, below)
		}
	}
	if kept > 0 {
		return fmt.Errorf("%d held blocks could not be saved to a disk tier: %w", kept, ErrNoSpace)
	}
	return nil
}

func (s *Store) saveBlock(ctx context.Context, b *Block, below *disks) (failed int) {
	if !b.acquire() {
		return 0
	}
	defer b.release()
	if s.copyDown(ctx, b, below, b.diskFlags()) != nil {
		return 1
	}
	return 0
}

// hasRoom reports whether a block fits without evicting another: at the end, what the disk has is as good.
func (t *disks) hasRoom(length int64) bool {
	for _, dir := range t.dirs {
		if d, done, up := dir.use(); up {
			fits := d.Used()+d.Charge(length) <= d.Capacity()
			done()
			if fits {
				return true
			}
		}
	}
	return false
}

func (s *Store) closeDisks() (errs []error) {
	for _, t := range s.disks {
		if t != nil {
			errs = append(errs, t.close()...)
		}
	}
	return errs
}
