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

	lent    []byte            // not sent yet: the request's end may go with it
	sums    []uint64          // of lent's pieces; nil: they are to be made
	made    [maxPieces]uint64 // those of one frame
	release func()
	copies  bool // lent is to be used again at once
	spliced bool // some of lent has gone by reference

	placed bool // it has one of its connection's places

	err error // of the handler's counting, of the request's context, of a write
}

// atHand is how many requests of a connection have bytes at hand: one that is being written, and the next.
const atHand = 2

// InTurn calls f, which takes bytes that are here and gives them to w, when it is this request's turn: few requests of a connection have
// bytes at hand at a time, so that a node which reads slowly, or stops, keeps little from leaving memory. f waits for nothing but w, and
// gives a frame or so, since others wait. When nobody waits for the request any more, f is not called.
func (w *BlockWriter) InTurn(f func() error) error {
	if !w.placed {
		select {
		case w.q.s.places <- struct{}{}:
			w.placed = true
		case <-w.q.ctx.Done():
		}
	}
	err := context.Cause(w.q.ctx)
	if err == nil {
		err = f()
	}
	if w.lent == nil { // else the request's end goes with it
		w.leave()
	}
	return err
}

// leave gives the place back.
func (w *BlockWriter) leave() {
	if w.placed {
		w.placed = false
		<-w.q.s.places
	}
}

// Holders tells the caller who else has the block; at most 64 ids of at most 128 bytes are told.
func (w *BlockWriter) Holders(ids []string) { w.holders = ids }

// Lend sends b without a copy. b must not change until release is called, which happens once, when b is sent or will not
// be: soon, perhaps after ServeBlock has returned; to a process of this host, when that has read it. nil: b never changes.
func (w *BlockWriter) Lend(b []byte, release func()) error {
	return w.lend(b, nil, release)
}

func (w *BlockWriter) lend(b []byte, sums []uint64, release func()) error {
	err := w.flush(false)
	if err == nil && sums != nil {
		err = w.checkSums(int64(len(b)), sums)
	}
	if err == nil {
		err = w.take(int64(len(b)))
	}
	if err != nil {
		if release != nil {
			release()
		}
		return err
	}
	w.lent, w.sums, w.release = b, sums, release
	if w.taken < w.length {
		return w.flush(false)
	}
	return nil // the end goes with it
}

// LendSummed is Lend of whole pieces, as SendFile has them, by who keeps their sums: nothing is hashed here, and what has
// changed in memory since they were made is found by the caller of ReadBlock.
func (w *BlockWriter) LendSummed(b []byte, sums []uint64, release func()) error {
	return w.lend(b, sums, release)
}

// checkSums refuses n bytes that are not the whole pieces that sums are of.
func (w *BlockWriter) checkSums(n int64, sums []uint64) error {
	if w.pos()%pieceLen != 0 || len(sums) != countPieces(w.pos(), n) {
		w.err = fmt.Errorf("%d bytes at %d of a block, with %d sums: want whole pieces of %d", n, w.pos(), len(sums), pieceLen)
	}
	return w.err
}

// Write sends p at once, in a frame of its own: it is for bytes as they arrive. p may be used again when it returns.
func (w *BlockWriter) Write(p []byte) (int, error) {
	w.copies = true
	defer func() { w.copies = false }()
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

// finish ends the request as its handler did.
func (w *BlockWriter) finish(err error) {
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
	w.leave()
	if err != nil {
		w.q.fail(err)
	}
}

// drop lets go of what is lent.
func (w *BlockWriter) drop() {
	if w.spliced {
		w.q.s.out.spliced.hold(w.lent, w.release)
	} else if w.release != nil {
		w.release()
	}
	w.lent, w.sums, w.release, w.spliced = nil, nil, nil, false
}

// flush sends what is lent, in frames as long as may be; last ends the request, with the same write. Frames of 256 KiB are in L2 still when the
// system copies what was summed, but who reads is woken for each packet of one: it took a quarter longer.
func (w *BlockWriter) flush(last bool) error {
	defer w.drop()
	b := w.lent
	for w.err == nil && (len(b) > 0 || last) {
		n := min(len(b), int(maxData-w.pos()%pieceLen))
		sums := w.nextSums(b[:n])
		if n < len(b) || !last || w.splices(n) {
			w.frame(b[:n], sums)
		} else {
			w.lastFrame(b, sums)
			last = false
		}
		b = b[n:]
	}
	return w.err
}

// nextSums are those of b's pieces: kept ones, or new ones.
func (w *BlockWriter) nextSums(b []byte) (sums []uint64) {
	if w.sums == nil {
		return appendSums(w.made[:0], w.pos(), b)
	}
	k := countPieces(w.pos(), int64(len(b)))
	sums, w.sums = w.sums[:k], w.sums[k:]
	return sums
}

func (w *BlockWriter) pos() int64 { return w.off + w.sent }

// frame writes the bytes b.
func (w *BlockWriter) frame(b []byte, sums []uint64) {
	out, splices := w.q.s.out, w.splices(len(b))
	if splices {
		out.spliced.free()
	}
	if !w.begin() {
		return
	}
	defer out.end()
	head := w.head(sums, len(b))
	if splices {
		var some bool
		some, w.err = out.splice(head, b)
		w.spliced = w.spliced || some
	} else {
		w.err = out.write(head, b)
	}
	w.count(len(b))
}

// splices reports whether a frame of n bytes goes by reference.
func (w *BlockWriter) splices(n int) bool {
	return n >= spliceBytes && w.q.s.out.spliced != nil && !w.copies
}

// lastFrame writes the bytes b, if there are any, and the request's end.
func (w *BlockWriter) lastFrame(b []byte, sums []uint64) {
	if w.err = w.q.ctx.Err(); w.err != nil {
		return
	}
	w.q.last(func(f []byte) []byte {
		if len(b) > 0 {
			f = appendData(f, w.q.id, w.sent, sums, len(b))
		}
		return f
	}, b, func(f []byte) []byte { return appendEnd(f, w.q.id, w.length, w.holders) })
	w.count(len(b))
}

// head is the head of a frame of n bytes, for who has the turn.
func (w *BlockWriter) head(sums []uint64, n int) []byte {
	return w.q.s.out.head(func(f []byte) []byte { return appendData(f, w.q.id, w.sent, sums, n) })
}

func (w *BlockWriter) count(n int) {
	w.sent += int64(n)
	w.q.s.e.stats.bytesOut.Add(int64(n))
}

// begin waits for the turn to write. A request that nobody waits for any more ends here.
func (w *BlockWriter) begin() bool {
	if w.err = w.q.ctx.Err(); w.err == nil && w.q.s.out.begin(w.q.ctx, nil) != nil {
		w.err = context.Cause(w.q.ctx)
	}
	return w.err == nil
}
