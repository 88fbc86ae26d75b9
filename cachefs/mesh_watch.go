package cachefs

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

// callFilling asks whether a peer is bringing a block from its store; callVerify tells it that one came damaged.
const (
	callFilling = "cachefs.filling"
	callVerify  = "cachefs.verify"
)

// maxHops is how far the question for a block's state goes: from a reader to a node that takes another for the owner, and to that.
const maxHops = 2

// Answers of callFilling.
const (
	stateNone    = iota // it has nothing of the block, or waits for a peer itself
	stateAtStore        // it waits for the store
	stateHeld           // it has the block
	stateUnknown        // never on the wire
)

// stallPatience is how long a transfer that has begun may pause: 64 KiB arrive at a time, at 1 MB/s each 64 ms.
const stallPatience = time.Second

// probeTime is how long a peer is waited for that is asked what it does. A machine with ten times too much to do answers within
// that; what is asked of the store instead is paid for.
const probeTime = time.Second

// watch ends a request whose peer lets us wait longer than it usually does. One that was asked to bring the block from a store may
// take as long as the store, provided that it says so.
type watch struct {
	m      *mesh
	ctx    context.Context
	stop   context.CancelCauseFunc
	ask    ask
	req    *peer.BlockRequest
	hedge  hedge
	hedged bool // hedge runs, or ran
	began  time.Time
	got    atomic.Bool // bytes have arrived
	since  atomic.Bool // and some since the timer ran down
	probe  sync.Once
	probed chan struct{} // closed when the peer has said what it does, or not
	said   atomic.Uint32 // what that answered; stateUnknown before
	late   atomic.Bool   // it did not wait for its store, and sent nothing
	ending sync.WaitGroup
	mu     struct {
		sync.Mutex
		timer *time.Timer
		ended bool
	}
}

// watch begins to watch a request that is about to be made; end follows. rest are those that are asked if a does not answer;
// from waits for what comes, "" if only this node does.
func (m *mesh) watch(ctx context.Context, stop context.CancelCauseFunc, a ask, r *peer.BlockRequest, rest []ask, from string) *watch {
	m.hedges.Earn()
	w := &watch{m: m, ctx: ctx, stop: stop, ask: a, req: r, probed: make(chan struct{}), began: time.Now()}
	w.hedge.w, w.hedge.rest, w.hedge.from = w, rest, from
	w.said.Store(stateUnknown)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ending.Add(1)
	w.mu.timer = time.AfterFunc(m.of(a.peer).patience(), w.ranDown)
	return w
}

// arrived notes that bytes came. It is called for each 64 KiB and takes no lock but at the first.
func (w *watch) arrived() {
	w.since.Store(true)
	if w.got.Load() || w.got.Swap(true) {
		return
	}
	w.hedge.overtake()
	switch a := w.m.of(w.ask.peer); w.said.Load() {
	case stateUnknown, stateHeld:
		a.answered(time.Since(w.began))
	default: // it says how soon a store is
		a.works()
	}
}

// ranDown is called by the timer.
func (w *watch) ranDown() {
	defer w.ending.Done()
	if !w.since.Swap(false) {
		if !w.hedged && !w.got.Load() {
			w.hedged = true
			w.ending.Go(w.hedge.run)
		}
		if err := w.works(); err != nil {
			w.stop(err)
			return
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.mu.ended {
		w.ending.Add(1)
		w.mu.timer.Reset(stallPatience)
	}
}

// works asks the peer what became of the request: nil if it is to be waited for. It may take its time at the store, and may be late
// once with what it has or with what it has not begun with: a machine with too much to do serves this question first.
func (w *watch) works() error {
	ctx, cancel := context.WithTimeout(w.ctx, probeTime)
	defer cancel()
	state, err := w.m.stateAt(ctx, w.ask.peer, tier.BlockID(w.req.Key), maxHops)
	if err == nil {
		w.said.Store(uint32(state))
	}
	w.probe.Do(func() { close(w.probed) })
	if err != nil {
		return errSilent
	}
	if state != stateAtStore && w.late.Swap(true) {
		return errStalled
	}
	return nil
}

// end ends the watch; nothing of it runs afterwards.
func (w *watch) end() {
	w.stop(nil)
	w.mu.Lock()
	w.mu.ended = true
	if w.mu.timer.Stop() {
		w.ending.Done()
	}
	w.mu.Unlock()
	w.ending.Wait()
}
