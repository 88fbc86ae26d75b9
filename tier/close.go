package tier

import (
	"context"
	"errors"
)

// Close saves what is only in memory to the disks, most used first, as far as ctx and their room go, waits for Views,
// and lets the directories go. Views that are still lent when ctx ends are named in the error; their memory stays.
// Blocks that are being written then come to nothing: ErrClosed. A second call returns nil at once.
func (s *Store) Close(ctx context.Context) error {
	if s.closed.Swap(true) {
		return nil
	}
	errs := []error{s.end(ctx)}
	if errs[0] == nil {
		s.lastTry()
	}
	if s.mem != nil {
		s.names.seal()
		errs = append(errs, s.saveDown(ctx))
	}
	s.names.close()
	if s.mem != nil {
		for b := range s.mem.index.all() {
			s.mem.drop(b)
		}
		errs = append(errs, s.mem.waitIdle(ctx))
	}
	errs = append(errs, s.closeDisks()...)
	return errors.Join(errs...)
}

// lastTry gives directories that are out of service a chance to take what is saved now. Their revive has ended.
func (s *Store) lastTry() {
	for _, t := range s.disks {
		for _, dir := range t.dirs {
			m := dir.cur.Load()
			if !m.down.Load() {
				continue
			}
			if m, works := dir.tryAgain(m); works {
				m.down.Store(false)
			}
		}
	}
}

func (s *Store) closeDisks() (errs []error) {
	for _, t := range s.disks {
		if t != nil {
			errs = append(errs, t.close()...)
		}
	}
	return errs
}
