package tier

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// Commit makes the block visible; the Block is nil if it went to a disk tier. Errors: ErrExist (equal bytes are there
// already), ErrDropped (a Drop overlapped the writing), ErrNoSpace, ErrBusy with Try, ErrClosed. After any of them the Writer
// is done.
func (w *Writer) Commit(ctx context.Context) (*Block, error) {
	if w.done {
		return nil, ErrClosed
	}
	w.done = true
	if w.n.Load() == 0 {
		w.giveBack()
		return nil, fmt.Errorf("%w: empty block", fs.ErrInvalid)
	}
	if w.detached {
		w.giveBack()
		return nil, ErrNoSpace
	}
	if w.heap {
		err := w.commitDisk(ctx)
		w.giveBack()
		return nil, err
	}
	w.trim()
	b := w.b
	b.keep(w.sums)
	if err := w.s.mem.add(b, &w.mv); err != nil {
		w.giveBack()
		return nil, err
	}
	w.parts.Store(nil)
	w.s.mem.wrote()
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
	hints := putHints{flags: diskFlags(w.o.flags()), try: w.o.Try}
	err := ErrNoSpace
	for _, t := range w.s.disks {
		if t.cfg.Kind < w.o.MinKind {
			continue
		}
		e := t.put(ctx, &w.mv, w.b.id, data, hints)
		switch {
		case e == nil:
			return nil
		case !errors.Is(e, ErrNoSpace) && !errors.Is(e, ErrBusy):
			return e
		case !errors.Is(err, ErrBusy):
			err = e
		}
	}
	if w.s.closed.Load() {
		return ErrClosed
	}
	return err
}

// giveBack frees what was allocated.
func (w *Writer) giveBack() {
	w.s.names.end(&w.mv)
	w.parts.Store(nil)
	if !w.inMem {
		return
	}
	w.inMem = false
	for _, e := range w.b.pieces {
		w.s.mem.used.Add(-int64(e.Len()))
		w.s.mem.arena.Release(e)
	}
	w.b.pieces = nil
	w.b.freeSums()
	w.s.mem.live.Add(-1)
	w.s.mem.wrote()
}

// Abort leaves nothing of the block. After Commit it does nothing.
func (w *Writer) Abort() {
	if !w.done {
		w.done = true
		w.giveBack()
	}
}
