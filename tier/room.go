package tier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/millpond/millpond/tier/internal/arena"
)

// grow makes room for n more bytes or fewer, at least one.
func (w *Writer) grow(n int64) error {
	n = min(n, MaxBlock-w.room)
	if n <= 0 {
		return fmt.Errorf("%w: block of more than %d bytes", fs.ErrInvalid, MaxBlock)
	}
	if w.heap {
		w.add(make([]byte, n))
		return nil
	}
	if w.room+n > w.s.mem.arena.Size() { // else it would push all others out in vain
		if w.spill() {
			return w.grow(n)
		}
		return ErrNoSpace
	}
	for n > 0 {
		e, err := w.s.allocate(w.ctx, int(n), w.o, w.canSpill())
		if errors.Is(err, ErrNoSpace) && w.spill() {
			return w.grow(n)
		}
		if err != nil {
			return err
		}
		w.b.pieces = append(w.pieces(), e)
		w.s.mem.used.Add(int64(e.Len()))
		w.add(w.s.mem.arena.Bytes(e))
		n -= int64(e.Len())
	}
	return nil
}

func (w *Writer) pieces() []arena.Extent {
	if w.b.pieces == nil {
		return w.b.one[:0]
	}
	return w.b.pieces
}

func (w *Writer) add(p []byte) {
	parts := append((*w.parts.Load())[:len(*w.parts.Load()):len(*w.parts.Load())], p)
	w.parts.Store(&parts)
	w.room += int64(len(p))
}

func (w *Writer) canSpill() bool { return !w.heap && !w.noSpill && w.s.below(Memory) != nil }

// spill sends the block to a disk tier instead, when nothing may leave memory; false if there is none. The frames stay
// until the end: others may be reading from them.
func (w *Writer) spill() bool {
	if !w.canSpill() {
		return false
	}
	p := make([]byte, w.n.Load(), max(w.n.Load(), 1))
	_, _ = w.ReadAt(p, 0)
	w.heap, w.room = true, 0
	parts := [][]byte{}
	if len(p) > 0 {
		parts = append(parts, p)
		w.room = int64(len(p))
	}
	w.parts.Store(&parts)
	return true
}

// next is the room that is to be written next; it grows by as much as there is, to keep the pieces few.
func (w *Writer) next() ([]byte, error) {
	n := w.n.Load()
	if n == w.room {
		want := max(w.hint-n, n, 64<<10)
		if w.hint == 0 && n == 0 {
			want = 64 << 10
		}
		if err := w.grow(want); err != nil {
			return nil, err
		}
	}
	off := n
	for _, p := range *w.parts.Load() {
		if off < int64(len(p)) {
			return p[off:], nil
		}
		off -= int64(len(p))
	}
	return nil, io.ErrShortBuffer
}

// allocate takes memory, evicting as it must. With Try it does not wait: for a demotion, or for others. elsewhere: the
// caller has another place to go, and waits for no block that is being written.
func (s *Store) allocate(ctx context.Context, n int, o PutOptions, elsewhere bool) (arena.Extent, error) {
	var soon <-chan struct{}
	for {
		e, err := s.mem.arena.Alloc(n)
		switch {
		case err == nil:
			s.ahead()
			return e, nil
		case ctx.Err() != nil:
			return e, context.Cause(ctx)
		case o.Try && s.below(Memory) != nil:
			s.ahead()
			return e, ErrBusy
		case s.evictOne(ctx):
			continue
		case soon == nil:
			soon = s.mem.freedSoon()
			continue // what came free before will not be announced again
		}
		if elsewhere {
			s.mem.movable.Add(1) // before it looks whether anybody evicts: who ends that tells it
		}
		// Somebody else's victim may be on its way out, or somebody else's block on its way in, to be evicted then. If all
		// who write wait, nobody will; nor if they are the same goroutine's, or wait for this one in other ways, which
		// cannot be seen here.
		alone := (s.mem.waiting.Add(1) >= s.mem.writers.Load() || elsewhere) && s.evicting.Load() == 0
		switch {
		case alone && isClosed(soon): // what the last of them left may be evicted
			soon = nil
		case alone:
			err = ErrNoSpace
		case o.Try:
			err = ErrBusy
		default:
			if !awaits(ctx, soon, o.Wait) && s.evicting.Load() == 0 {
				err = ErrBusy
			}
			soon = nil
		}
		s.mem.waiting.Add(-1)
		if elsewhere {
			s.mem.movable.Add(-1)
		}
		if errors.Is(err, ErrNoSpace) || errors.Is(err, ErrBusy) {
			return e, err
		}
	}
}

// awaits waits for soon or the end of ctx, but no longer than for d, if that is not 0; false: in vain.
func awaits(ctx context.Context, soon <-chan struct{}, d time.Duration) bool {
	var late <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		late = t.C
	}
	select {
	case <-soon:
	case <-ctx.Done():
	case <-late:
		return false
	}
	return true
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
