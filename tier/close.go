package tier

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// closing is what Close does, in a goroutine of its own: a call of a disk that hangs cannot be called off.
type closing struct {
	done chan struct{}
	err  error // of what was done; once done is closed
	told atomic.Bool
}

// closeGrace is how long Close waits beyond its context for what does not hang: a write or a sync that is under way ends within.
const closeGrace = time.Second

// Close saves what is only in memory to the disks, most used first, as far as ctx and their room go, waits for Views,
// and lets the directories go. Views that are still lent when ctx ends are named in the error; their memory stays.
// Blocks that are being written then come to nothing: ErrClosed. A disk that does not answer is left a second after ctx, with an error
// that names its directories, and Close goes on behind. A later call waits for that, within its own ctx, and returns nil if somebody
// has been told what came of it.
func (s *Store) Close(ctx context.Context) error {
	if !s.closed.Swap(true) {
		go func() {
			defer close(s.closing.done)
			s.closing.err = s.shut(ctx)
		}()
	}
	select {
	case <-s.closing.done:
	case <-ctx.Done():
		select {
		case <-s.closing.done:
		case <-time.After(closeGrace):
			return fmt.Errorf("%s not let go, a disk does not answer: %w", strings.Join(s.taken(), ", "), context.Cause(ctx))
		}
	}
	if s.closing.told.Swap(true) {
		return nil
	}
	return s.closing.err
}

// taken are the directories that have not been let go.
func (s *Store) taken() (list []string) {
	for _, t := range s.disks {
		for _, dir := range t.dirs {
			if !dir.gone.Load() {
				list = append(list, dir.path)
			}
		}
	}
	return list
}

// shut is what Close does, as far as ctx goes, and as long as the disks take.
func (s *Store) shut(ctx context.Context) error {
	s.end()
	s.lastTry()
	var errs []error
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
	return errors.Join(append(errs, s.closeDisks()...)...)
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

// closeDisks closes all directories at once: one that hangs keeps no other.
func (s *Store) closeDisks() []error {
	var dirs []*directory
	for _, t := range s.disks {
		if t != nil {
			dirs = append(dirs, t.dirs...)
		}
	}
	errs := make([]error, len(dirs))
	var all sync.WaitGroup
	for i, dir := range dirs {
		all.Go(func() { errs[i] = dir.close() })
	}
	all.Wait()
	return errs
}
