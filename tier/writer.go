package tier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"

	"github.com/millpond/millpond/tier/internal/arena"
	"github.com/millpond/millpond/tier/internal/disk"
)

// PutOptions say how a block is admitted.
type PutOptions struct {
	Hold    bool // not to be evicted before Unhold: the only copy
	Pin     bool // not to be evicted before Unpin
	MinKind Kind // faster tiers are left alone
	Try     bool // ErrBusy rather than wait for room
	Fill    bool // from an under store: may be brought again
}

func (o PutOptions) flags() (f uint32) {
	if o.Hold {
		f |= flagHeld
	}
	if o.Pin {
		f |= flagPinned
	}
	return f
}

// Writer fills one block. Write and ReadFrom are one goroutine's; ReadAt and Len may be called by others meanwhile.
type Writer struct {
	s     *Store
	ctx   context.Context
	o     PutOptions
	b     *Block
	heap  bool // no memory tier takes it: the bytes are on the heap, on their way to a disk
	inMem bool // counted among the memory tier's writers; may have frames there
	hint  int64
	room  int64
	n     atomic.Int64 // written
	parts atomic.Pointer[[][]byte]
	done  bool
}

// Create begins a block of about hint bytes (0: unknown). Its room grows with what is written, up to MaxBlock.
// Errors: ErrExist, ErrClosed; what Write says when there is no room.
func (s *Store) Create(ctx context.Context, id BlockID, hint int64, o PutOptions) (*Writer, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	if _, _, ok := s.Has(id); ok {
		return nil, ErrExist
	}
	w := s.newWriter(ctx, id, hint, o)
	if hint > 0 {
		if err := w.grow(min(hint, MaxBlock)); err != nil {
			w.Abort()
			return nil, err
		}
	}
	return w, nil
}

func (s *Store) newWriter(ctx context.Context, id BlockID, hint int64, o PutOptions) *Writer {
	w := &Writer{s: s, ctx: ctx, o: o, hint: hint, heap: s.mem == nil || o.MinKind > Memory}
	w.inMem = !w.heap
	w.b = &Block{id: id, mem: s.mem}
	w.b.flags.Store(o.flags())
	w.parts.Store(new([][]byte))
	if w.inMem {
		s.mem.live.Add(1)
		s.mem.writers.Add(1)
	}
	return w
}

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
	for n > 0 {
		e, err := w.s.allocate(w.ctx, int(n), w.o)
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

// spill sends the block to a disk tier instead, when nothing may leave memory; false if there is none. The frames stay
// until the end: others may be reading from them.
func (w *Writer) spill() bool {
	if w.heap || w.s.below(Memory) == nil {
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

// Write appends p. It waits for room within Create's context. Errors: ErrNoSpace, ErrBusy with Try, fs.ErrInvalid beyond
// the largest block.
func (w *Writer) Write(p []byte) (n int, err error) {
	if w.hint == 0 && w.n.Load() == 0 && len(p) > 0 && w.room == 0 {
		if err := w.grow(int64(len(p))); err != nil {
			return 0, err
		}
	}
	for n < len(p) {
		room, err := w.next()
		if err != nil {
			return n, err
		}
		k := min(len(room), len(p)-n)
		copy(room[:k], p[n:]) // not copyBytes: rep movsb into lines that no cache holds took 1.4-1.8 times as long at 1 MiB
		n += k
		w.n.Add(int64(k))
	}
	return n, nil
}

// ReadFrom appends all of r, read straight into the block's frame; it ends at r's end or when the largest block is full.
func (w *Writer) ReadFrom(r io.Reader) (total int64, err error) {
	for w.n.Load() < MaxBlock {
		if w.hint > 0 && w.n.Load() == w.hint && w.room == w.hint { // as announced: look for the end before growing
			var one [1]byte
			n, err := r.Read(one[:])
			if n > 0 {
				if _, err := w.Write(one[:n]); err != nil {
					return total, err
				}
				total++
			}
			if err != nil {
				return total, endIsFine(err)
			}
			continue
		}
		room, err := w.next()
		if err != nil {
			return total, err
		}
		n, err := r.Read(room)
		w.n.Add(int64(n))
		total += int64(n)
		if err != nil {
			return total, endIsFine(err)
		}
	}
	return total, nil
}

func endIsFine(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// Len is how many bytes are written.
func (w *Writer) Len() int64 { return w.n.Load() }

// ReadAt copies what is written so far: fewer than len(p) bytes, with io.EOF, where that ends. After Commit or Abort it is
// ErrClosed; a call beside them may read anything.
func (w *Writer) ReadAt(p []byte, off int64) (n int, err error) {
	parts := w.parts.Load()
	if parts == nil {
		return 0, ErrClosed
	}
	have := w.n.Load()
	if off >= have {
		return 0, io.EOF
	}
	short := int64(len(p)) > have-off
	p = p[:min(int64(len(p)), have-off)]
	for _, part := range *parts {
		if off >= int64(len(part)) {
			off -= int64(len(part))
			continue
		}
		n += copy(p[n:], part[off:])
		off = 0
		if n == len(p) {
			break
		}
	}
	if short {
		err = io.EOF
	}
	return n, err
}

// Commit makes the block visible; the Block is nil if it went to a disk tier. Errors: ErrExist (equal bytes are there
// already), ErrNoSpace. After any of them the Writer is done.
func (w *Writer) Commit(ctx context.Context) (*Block, error) {
	if w.done {
		return nil, ErrClosed
	}
	w.done = true
	if w.n.Load() == 0 {
		w.giveBack()
		return nil, fmt.Errorf("%w: empty block", fs.ErrInvalid)
	}
	if w.heap {
		err := w.commitDisk(ctx)
		w.giveBack()
		return nil, err
	}
	w.trim()
	b := w.b
	if !w.s.mem.add(b, 0) {
		w.giveBack()
		return nil, ErrExist
	}
	w.parts.Store(nil)
	w.s.mem.writers.Add(-1)
	w.s.mem.announce() // who waits for room may evict it now
	w.s.ahead()
	return b, nil
}

// trim gives back the pages that were not filled and fixes the block's pieces.
func (w *Writer) trim() {
	b := w.b
	b.length = w.n.Load()
	left := b.length
	kept := b.pieces[:0]
	for _, e := range b.pieces {
		if left == 0 {
			w.s.mem.used.Add(-int64(e.Len()))
			w.s.mem.arena.Release(e)
			continue
		}
		k := min(left, int64(e.Len()))
		small := w.s.mem.arena.Trim(e, int(k))
		w.s.mem.used.Add(int64(small.Len() - e.Len()))
		p := w.s.mem.arena.Bytes(small)[:k:k]
		if len(kept) == 0 {
			b.first = p
		} else {
			b.rest = append(b.rest, p)
		}
		kept = append(kept, small)
		left -= k
	}
	b.pieces = kept
}

func (w *Writer) commitDisk(ctx context.Context) error {
	var data [][]byte
	left := w.n.Load()
	for _, p := range *w.parts.Load() {
		k := min(left, int64(len(p)))
		data, left = append(data, p[:k]), left-k
	}
	for _, t := range w.s.disks {
		if t.cfg.Kind < w.o.MinKind {
			continue
		}
		var flags disk.Flags
		if w.o.Hold {
			flags |= disk.Held
		}
		if w.o.Pin {
			flags |= disk.Pinned
		}
		err := t.put(ctx, w.b.id, data, flags, 0)
		if err == nil || !errors.Is(err, ErrNoSpace) {
			return err
		}
	}
	return ErrNoSpace
}

// giveBack frees what was allocated.
func (w *Writer) giveBack() {
	w.parts.Store(nil)
	if !w.inMem {
		return
	}
	w.inMem = false
	w.s.mem.writers.Add(-1)
	for _, e := range w.b.pieces {
		w.s.mem.used.Add(-int64(e.Len()))
		w.s.mem.arena.Release(e)
	}
	w.b.pieces = nil
	w.s.mem.live.Add(-1)
	w.s.mem.announce()
}

// Abort leaves nothing of the block. After Commit it does nothing.
func (w *Writer) Abort() {
	if !w.done {
		w.done = true
		w.giveBack()
	}
}

// allocate takes memory, evicting as it must; with Try it does not wait for a demotion.
func (s *Store) allocate(ctx context.Context, n int, o PutOptions) (arena.Extent, error) {
	for {
		soon := s.mem.freedSoon()
		e, err := s.mem.arena.Alloc(n)
		if err == nil {
			s.ahead()
			return e, nil
		}
		if ctx.Err() != nil {
			return e, context.Cause(ctx)
		}
		if o.Try && s.below(Memory) != nil {
			s.ahead()
			return e, ErrBusy
		}
		if s.evictOne(ctx) {
			continue
		}
		// Somebody else's victim may be on its way out, or somebody else's block on its way in, to be evicted then. If all
		// who write wait, nobody will.
		if s.mem.waiting.Add(1) >= s.mem.writers.Load() && s.evicting.Load() == 0 {
			s.mem.waiting.Add(-1)
			return e, ErrNoSpace
		}
		select {
		case <-soon:
		case <-ctx.Done():
		}
		s.mem.waiting.Add(-1)
	}
}
