package link

import (
	"context"
	"fmt"
)

// BlockWriter sends the bytes of one block request, in order. It is ServeBlock's own, and no good after it.
type BlockWriter struct {
	q       *served
	off     int64 // of the request, in the block
	length  int64 // of the request
	taken   int64 // bytes that the handler has given
	sent    int64 // bytes that were written
	holders []string

	lent    []byte // not sent yet: the request's end may go with it
	release func()

	err    error // of the handler's counting, or of the request's context
	broken error // of the connection: a write failed
}

// Holders tells the caller who else has the block; at most 64 ids of at most 128 bytes are told.
func (w *BlockWriter) Holders(ids []string) { w.holders = ids }

// Lend sends b without a copy. b must not change until release is called, which happens once, when b is sent or will not
// be: soon, perhaps after ServeBlock has returned. release may be nil.
func (w *BlockWriter) Lend(b []byte, release func()) error {
	err := w.flush(false)
	if err == nil {
		err = w.take(int64(len(b)))
	}
	if err != nil {
		if release != nil {
			release()
		}
		return err
	}
	w.lent, w.release = b, release
	if w.taken < w.length {
		return w.flush(false)
	}
	return nil // the end goes with it
}

// Write sends p at once, in a frame of its own: it is for bytes as they arrive. p may be used again when it returns.
func (w *BlockWriter) Write(p []byte) (int, error) {
	if err := w.Lend(p, nil); err != nil {
		return 0, err
	}
	if err := w.flush(false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// take counts n bytes that the handler gives.
func (w *BlockWriter) take(n int64) error {
	if w.err == nil && w.taken+n > w.length {
		w.err = fmt.Errorf("%d bytes after %d: want %d in all", n, w.taken, w.length)
	}
	w.taken += n
	return w.err
}

// finish ends the request as its handler did. The error that it returns is the connection's.
func (w *BlockWriter) finish(err error) error {
	if err == nil {
		err = w.err
	}
	if err == nil && w.taken != w.length {
		err = fmt.Errorf("%d bytes were given: want %d", w.taken, w.length)
	}
	if err == nil {
		err = w.flush(true)
	}
	w.drop()
	if w.broken != nil || err == nil {
		return w.broken
	}
	return w.q.fail(err)
}

// drop lets go of what is lent.
func (w *BlockWriter) drop() {
	if w.release != nil {
		w.release()
	}
	w.lent, w.release = nil, nil
}

// frameBytes is what is summed and written at a time from memory: it is still in L2 when the system copies it.
const frameBytes = 4 * pieceLen

// flush sends what is lent; last ends the request, with the same write.
func (w *BlockWriter) flush(last bool) error {
	defer w.drop()
	b := w.lent
	for w.failure() == nil && (len(b) > 0 || last) {
		n := min(len(b), int(frameBytes-w.pos()%pieceLen))
		if n < len(b) {
			w.frame(b[:n], false)
		} else {
			w.frame(b, last)
			last = false
		}
		b = b[n:]
	}
	return w.failure()
}

func (w *BlockWriter) pos() int64 { return w.off + w.sent }

func (w *BlockWriter) failure() error {
	if w.broken != nil {
		return w.broken
	}
	return w.err
}

// frame writes the bytes b, if there are any, and the request's end, if this is the last.
func (w *BlockWriter) frame(b []byte, last bool) {
	var room [maxPieces]uint64
	sums := appendSums(room[:0], w.pos(), b)
	if !w.begin(last) {
		return
	}
	out := w.q.s.out
	defer out.end()
	f := out.frame[:0]
	if len(b) > 0 {
		f = appendData(f, w.q.id, w.sent, sums, len(b))
	}
	n := len(f)
	if last {
		f = appendEnd(f, w.q.id, w.length, w.holders)
	}
	out.frame = f
	w.broken = out.write(f[:n], b, f[n:])
	w.count(len(b))
}

func (w *BlockWriter) count(n int) {
	w.sent += int64(n)
	w.q.s.e.stats.bytesOut.Add(int64(n))
}

// begin waits for the turn to write. A request that nobody waits for any more ends here.
func (w *BlockWriter) begin(last bool) bool {
	if w.err = w.q.ctx.Err(); w.err != nil {
		return false
	}
	if last {
		w.broken = w.q.beginLast()
		return w.broken == nil
	}
	if w.q.s.out.begin(w.q.ctx, nil) != nil {
		w.err = context.Cause(w.q.ctx)
		return false
	}
	return true
}
