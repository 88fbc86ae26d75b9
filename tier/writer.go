package tier

import (
	"context"
	"io"
	"sync/atomic"
	"time"
)

// PutOptions say how a block is admitted.
type PutOptions struct {
	Hold    bool // not to be evicted before Unhold: the only copy. Durable after Save. Default: false
	Pin     bool // not to be evicted before Unpin. Default: false
	MinKind Kind // faster tiers are left alone. Default: Memory
	Try     bool // ErrBusy rather than wait for room. Default: false
	Fill    bool // from an under store: may be brought again. Default: false
	// Wait is how long a memory tier that is full of blocks being written is waited for while none of them ends: then ErrBusy. Default: as long as
	// the context lives.
	Wait time.Duration
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
	s        *Store
	ctx      context.Context
	o        PutOptions
	mv       move
	b        *Block
	heap     bool // no memory tier takes it: the bytes are on the heap, on their way to a disk
	inMem    bool // counted among the memory tier's writers; may have frames there
	noSpill  bool // a disk has the bytes already
	detached bool // for no tier
	hint     int64
	room     int64
	n        atomic.Int64 // written
	parts    atomic.Pointer[[][]byte]
	sums     []uint64 // of pieces that were brought with theirs; 0: not known
	done     bool
}

// Create begins a block of about hint bytes (0: unknown). Its room grows with what is written, up to MaxBlock.
// Errors: ErrExist, ErrClosed; what Write says when there is no room.
func (s *Store) Create(ctx context.Context, id BlockID, hint int64, o PutOptions) (*Writer, error) {
	w, err := s.newWriter(ctx, id, max(hint, 0), o)
	if err != nil {
		return nil, err
	}
	if _, _, ok := s.Has(id); ok {
		err = ErrExist
	} else if hint > 0 {
		err = w.grow(min(hint, MaxBlock))
	}
	if err != nil {
		w.Abort()
		return nil, err
	}
	return w, nil
}

func (s *Store) newWriter(ctx context.Context, id BlockID, hint int64, o PutOptions) (*Writer, error) {
	if s.closed.Load() { // what Close saves goes where there is room; nobody makes more any more
		return nil, ErrClosed
	}
	w := &Writer{s: s, ctx: ctx, o: o, hint: hint, heap: s.mem == nil || o.MinKind > Memory}
	if err := s.names.begin(&w.mv, id); err != nil {
		return nil, err
	}
	w.inMem = !w.heap
	w.b = &Block{id: id, mem: s.mem}
	w.b.flags.Store(o.flags())
	w.parts.Store(new([][]byte))
	if w.inMem {
		s.mem.live.Add(1)
		s.mem.writers.Add(1)
	}
	return w, nil
}

// Write appends p. It waits for room within Create's context. Errors: ErrNoSpace, ErrBusy with Try or Wait, fs.ErrInvalid beyond
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

// ReadFrom appends all of r, read straight into the block's frame; it ends at r's end or when the largest block is full. Where Create's
// hint was too short and there is no room for more, r has lost the byte that showed it: who would go on elsewhere limits r to the hint.
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

// Space is where the next bytes of the block go, n in all: fill them in order, and tell Wrote. It waits for room as Write does,
// with its errors, and is the caller's until the next call of the Writer but Wrote, Len and ReadAt.
func (w *Writer) Space(n int64) (space [][]byte, err error) {
	at := w.n.Load()
	for w.room < at+n {
		if err := w.grow(at + n - w.room); err != nil {
			return nil, err
		}
	}
	off := at
	for _, p := range *w.parts.Load() {
		if off >= int64(len(p)) {
			off -= int64(len(p))
			continue
		}
		p = p[off:]
		p = p[:min(n, int64(len(p)))]
		space, n, off = append(space, p), n-int64(len(p)), 0
		if n == 0 {
			break
		}
	}
	return space, nil
}

// Wrote says that n more bytes of what Space returned are the block's.
func (w *Writer) Wrote(n int64) { w.n.Add(n) }

func endIsFine(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// Truncate forgets what was written after the first n bytes; their room stays. Nobody may read beside it.
func (w *Writer) Truncate(n int64) {
	w.n.Store(min(n, w.n.Load()))
	if i := int(n / PieceSize); i < len(w.sums) {
		clear(w.sums[i:])
	}
}

// InMemory reports whether Commit makes a block of the memory tier, which cannot fail for want of room.
func (w *Writer) InMemory() bool { return !w.heap }

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
