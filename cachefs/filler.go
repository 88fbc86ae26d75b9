package cachefs

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/millpond/millpond/tier"
)

// filler brings blocks from under stores. Blocks that a reader waits for are brought at once, each by a goroutine that does
// nothing else meanwhile (the store's limits bound what runs); the rest of cold blocks and what is read ahead goes through a bounded
// queue, and is dropped and counted when that is full: nobody waits for it.
type filler struct {
	n     *Node
	hands *hands
	queue chan *fill
	mu    struct {
		sync.Mutex
		running map[tier.BlockID]*fill
	}
	fills, dropped atomic.Uint64
}

func newFiller(n *Node, queue int) *filler {
	f := &filler{n: n, hands: newHands(n), queue: make(chan *fill, queue)}
	f.mu.running = map[tier.BlockID]*fill{}
	return f
}

// work brings queued blocks until ctx ends. Owner: Node.start.
func (fr *filler) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-fr.queue:
			if f.start() {
				fr.bring(ctx, f)
			}
		}
	}
}

// join returns the fill of a block, a new one if there is none. With head the new one's caller fetches a range first.
func (fr *filler) join(h *handle, index int64, head bool) (f *fill, mine bool) {
	return fr.joinAs(h, index, head, asReader, "")
}

func (fr *filler) joinAs(h *handle, index int64, head bool, as role, from string) (f *fill, mine bool) {
	id := tier.NewBlockID(h.in.FileID, uint32(index))
	fr.mu.Lock()
	defer fr.mu.Unlock()
	if f := fr.mu.running[id]; f != nil {
		f.askedBy(fr.n.id, from)
		return f, false
	}
	f = &fill{id: id, src: h, length: h.blockLen(index), as: as, from: from}
	f.mu.wantHead = head
	fr.mu.running[id] = f
	return f, true
}

// read copies [off, off+len(p)) of block index of h, which no tier has, from the under store, and brings the block.
// again asks the caller to look into the tiers once more.
func (fr *filler) read(ctx context.Context, h *handle, index int64, p []byte, off int64) (again bool, err error) {
	at := index*h.in.BlockSize + off
	if !fr.n.mayKeep(h, index) {
		return false, h.readPast(ctx, p, at, asReader, "")
	}
	err = fr.onceMore(ctx, func() (older bool, err error) {
		f, older := fr.begun(h, index, off, len(p), asReader, "")
		again, err = f.read(ctx, p, off)
		return older, err
	})
	if errors.Is(err, errUncached) {
		return false, h.readPast(ctx, p, at, asReader, "")
	}
	return again, err
}

// awaitAs waits until n bytes from off on have arrived on behalf of a peer, whose fill is f.
func (fr *filler) awaitAs(ctx context.Context, h *handle, index, off, n int64, as role, from string) (f *fill, err error) {
	peer := "" // it asks nobody else, and goes to the store if there is nothing here
	if as == asAlone {
		peer = from
	}
	err = fr.onceMore(ctx, func() (older bool, err error) {
		f, older = fr.begun(h, index, off, int(n), as, from)
		return older, f.await(ctx, off, n, peer)
	})
	return f, err
}

// begun is the fill of block index, with n bytes from off on first; older says that it had begun before.
func (fr *filler) begun(h *handle, index, off int64, n int, as role, from string) (f *fill, older bool) {
	far := off > nearGap
	f, mine := fr.joinAs(h, index, far, as, from)
	switch {
	case mine && fr.there(f): // it was committed between the look into the tiers and now
		fr.end(f, nil, nil)
	case mine && far:
		fr.do(f, func(ctx context.Context) { fr.bringHead(ctx, f, off, n) })
	case !f.headOnTheWay() && f.start():
		fr.do(f, func(ctx context.Context) { fr.bring(ctx, f) })
	default:
		older = true
	}
	return f, older
}

// onceMore waits for a fill, and for another if the first one had begun before and failed: what a store answered then is not
// what it would answer now.
func (fr *filler) onceMore(ctx context.Context, wait func() (older bool, err error)) error {
	older, err := wait()
	final := err == nil || errors.Is(err, errUncached) || errors.Is(err, ErrChanged) || ctx.Err() != nil || fr.n.ctx.Err() != nil
	if older && !final {
		_, err = wait()
	}
	return err
}

// running is the fill of a block that is under way, nil if there is none.
func (fr *filler) running(id tier.BlockID) *fill {
	fr.mu.Lock()
	defer fr.mu.Unlock()
	return fr.mu.running[id]
}

// whole brings block index of h and returns when it is complete.
func (fr *filler) whole(ctx context.Context, h *handle, index int64) error {
	if !fr.n.mayKeep(h, index) {
		return errUncached
	}
	return fr.onceMore(ctx, func() (older bool, err error) {
		f, mine := fr.join(h, index, false)
		switch {
		case mine && fr.there(f):
			fr.end(f, nil, nil)
		case f.start():
			fr.do(f, func(ctx context.Context) { fr.bring(ctx, f) })
		default:
			older = true
		}
		return older, f.wait(ctx)
	})
}

// there reports whether a tier has the block.
func (fr *filler) there(f *fill) bool {
	_, _, ok := fr.n.tiers.Has(f.id)
	return ok
}

// do runs work on f in a goroutine of the node; a node that closes ends f instead.
func (fr *filler) do(f *fill, work func(ctx context.Context)) {
	if !fr.hands.do(work) {
		fr.end(f, nil, ErrClosed)
	}
}

// headOnTheWay reports whether the block's first range is being fetched: then a second reader waits for it, since it
// may want the same one.
func (f *fill) headOnTheWay() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.mu.wantHead
}

// ahead queues a block that somebody will want soon.
func (fr *filler) ahead(h *handle, index int64) {
	if !fr.n.mayKeep(h, index) {
		return
	}
	if _, _, ok := fr.n.tiers.Has(tier.NewBlockID(h.in.FileID, uint32(index))); ok {
		return
	}
	f, mine := fr.join(h, index, false)
	switch {
	case mine && fr.there(f):
		fr.end(f, nil, nil)
	case mine:
		fr.enqueue(f)
	}
}

// enqueue hands the rest of a block to the workers, or drops it.
func (fr *filler) enqueue(f *fill) {
	select {
	case fr.queue <- f:
	default:
		if f.start() {
			fr.dropped.Add(1)
			fr.end(f, nil, errUncached)
		}
	}
}

// bringHead fetches the range that the first reader waits for; the rest of the block comes behind.
func (fr *filler) bringHead(ctx context.Context, f *fill, off int64, n int) {
	head := make([]byte, n)
	err := f.src.readPart(ctx, f, head, off)
	f.mu.Lock()
	f.mu.wantHead = false
	if err == nil {
		f.mu.head, f.mu.headOff = head, off
	}
	f.changedLocked()
	f.mu.Unlock()
	if err != nil {
		if f.start() {
			fr.end(f, nil, err)
		}
		return
	}
	fr.enqueue(f)
}

// offset is where the block begins in its file.
func (f *fill) offset() int64 { return int64(f.id.Index()) * f.src.in.BlockSize }

// bring fetches what is not there yet into the top tier.
func (fr *filler) bring(ctx context.Context, f *fill) {
	fr.fills.Add(1)
	w, err := fr.n.tiers.Create(ctx, f.id, f.length, tier.PutOptions{Fill: true, Pin: f.src.in.Pinned})
	switch {
	case errors.Is(err, tier.ErrExist): // it came while we joined
		fr.end(f, nil, nil)
		return
	case err != nil:
		fr.end(f, nil, errUncached)
		return
	}
	f.mu.Lock()
	f.mu.writer = w
	head, headOff := f.mu.head, f.mu.headOff
	f.mu.Unlock()
	if head != nil {
		err = fr.around(ctx, f, w, head, headOff)
	} else {
		err = fr.stream(ctx, f, w, 0, f.length)
	}
	fr.commit(ctx, f, w, err)
}

// around brings a block whose head is there already: never that range again.
func (fr *filler) around(ctx context.Context, f *fill, w *tier.Writer, head []byte, off int64) error {
	if err := fr.stream(ctx, f, w, 0, off); err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	return fr.stream(ctx, f, w, off+int64(len(head)), f.length)
}

// stream brings [from, to) of the block, in a mesh from the peers that should have it first.
func (fr *filler) stream(ctx context.Context, f *fill, w *tier.Writer, from, to int64) error {
	m := fr.n.mesh
	if from == to {
		return nil
	}
	if m == nil {
		return fr.streamStore(ctx, f, w, from, to)
	}
	p := &part{h: f.src, id: f.id, length: f.length, at: from, end: to, to: w, as: f.as, from: f.from, fill: f}
	return m.bring(ctx, p, func(ctx context.Context) error {
		err := fr.streamStore(ctx, f, w, p.at, to)
		if err != nil {
			f.begin(w, p.at, false) // who is asked next goes on from here
		}
		return err
	})
}

// streamStore brings [from, to) of the block from the store.
func (fr *filler) streamStore(ctx context.Context, f *fill, w *tier.Writer, from, to int64) error {
	return f.src.fetch(ctx, f.offset()+from, to-from, func(body io.Reader, checked bool) error {
		f.begin(w, from, checked)
		n, err := w.ReadFrom(arrivals{io.LimitReader(body, to-from), f})
		fr.n.counters.storeBytes.Add(uint64(n))
		if err == nil && n < to-from {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
}

func (fr *filler) commit(ctx context.Context, f *fill, w *tier.Writer, err error) {
	if err != nil {
		f.mu.Lock()
		f.mu.writer = nil
		f.mu.Unlock()
		w.Abort()
		if errors.Is(err, tier.ErrNoSpace) || errors.Is(err, tier.ErrBusy) {
			err = errUncached
		}
		fr.end(f, nil, err)
		return
	}
	// Readers who copy out of the writer keep the lock shared, so Commit does not pull it away under them.
	f.mu.Lock()
	f.mu.writer = nil
	f.mu.Unlock()
	if f.freed.Load() { // before its Writer was there, or the tier would know
		w.Abort()
		fr.end(f, nil, errFreed)
		return
	}
	b, err := w.Commit(ctx)
	switch {
	case errors.Is(err, tier.ErrExist):
		err = nil
	case errors.Is(err, tier.ErrDropped):
		err = errFreed
	case err != nil:
		err = errUncached
	}
	fr.end(f, b, err)
}

// end takes the fill off the list before it tells its readers, so that who comes later looks into the tiers.
func (fr *filler) end(f *fill, b *tier.Block, err error) {
	fr.mu.Lock()
	if fr.mu.running[f.id] == f { // else it was freed, and another has its place
		delete(fr.mu.running, f.id)
	}
	fr.mu.Unlock()
	if err != nil && fr.n.ctx.Err() != nil {
		err = context.Cause(fr.n.ctx) // the node closes: rather than the words of whatever noticed it
	}
	f.finish(b, err)
}

// free makes the running fills of a file come to nothing: its blocks are dropped next. Readers who wait for them are
// served; who comes later begins anew.
func (fr *filler) free(file tier.FileID) {
	fr.mu.Lock()
	defer fr.mu.Unlock()
	for id, f := range fr.mu.running {
		if id.File() == file {
			f.freed.Store(true)
			delete(fr.mu.running, id)
		}
	}
}

// abandon ends what still waits in the queue. The workers have stopped.
func (fr *filler) abandon() {
	for {
		select {
		case f := <-fr.queue:
			if f.start() {
				fr.end(f, nil, ErrClosed)
			}
		default:
			return
		}
	}
}
