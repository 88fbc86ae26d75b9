package cachefs

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

var errOvertaken = errors.New("another peer sent the block sooner")

const (
	hedgedPeers = 2 // that are asked instead of one that is late, one after the other
	nextOwners  = 4 // of a block, of which those that come after the first may have a copy
)

// hedge asks others for the beginning of what a peer is late to send. They are to send what they have, and to bring nothing from a
// store. Whose bytes come first is believed, and the other request ended.
type hedge struct {
	w      *watch
	rest   []ask  // who would be asked next
	from   string // for whom the block is brought: it waits for us
	buf    *[sendSize]byte
	cancel atomic.Pointer[context.CancelFunc] // of the second request
	won    *ask                               // who sent buf
}

// run is the hedge's goroutine, unless the late peer waits for its store: then so would others.
func (h *hedge) run() {
	w := h.w
	select {
	case <-w.probed:
	case <-time.After(minPatience): // it does not even say what it does
	case <-w.ctx.Done():
		return
	}
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	h.cancel.Store(&cancel)
	if w.got.Load() || w.said.Load() == stateAtStore {
		return
	}
	h.buf = sendBufs.Get().(*[sendSize]byte)
	for _, a := range h.copies() {
		if ctx.Err() != nil || !w.m.hedges.Spend() {
			return
		}
		w.m.n.counters.peerHedges.Add(1)
		if h.ask(ctx, a) {
			return
		}
	}
}

// ask makes one second request; true if it has won.
func (h *hedge) ask(ctx context.Context, a ask) bool {
	w := h.w
	r := peer.BlockRequest{Key: w.req.Key, Off: w.req.Off, Length: h.length()}
	began := time.Now()
	_, err := w.m.p.ReadBlock(ctx, a.peer, r, [][]byte{h.buf[:r.Length]}, nil)
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		w.m.asked(tier.BlockID(r.Key), a, err)
		return false
	}
	w.m.of(a.peer).answered(time.Since(began))
	if w.got.Swap(true) {
		return false
	}
	h.won = &a
	w.m.of(w.ask.peer).delays.Observe(time.Since(w.began)) // so long at least
	w.m.n.counters.peerHedgesWon.Add(1)
	w.m.n.counters.peerBytes.Add(uint64(r.Length))
	w.stop(errOvertaken)
	return true
}

// length is how many bytes are asked for: who sends them first will send the others, too.
func (h *hedge) length() int64 { return int64(len(upTo(h.buf, h.w.req.Off, h.w.req.Length))) }

// copies lists who may have the block: who is known to have it, who would be asked next, and the next in the ring, which are those
// that keep copies if there is a bound on them.
func (h *hedge) copies() (asks []ask) {
	m := h.w.m
	if h.w.ask.only {
		return nil
	}
	r := router{skip: []string{m.n.id, h.w.ask.peer, h.from}}
	for _, id := range m.copies.of(h.w.req.Key, time.Now()) {
		r.add(ask{peer: id})
	}
	for _, a := range h.rest {
		r.add(ask{peer: a.peer})
	}
	for _, id := range m.p.Owners(nil, h.w.req.Key, nextOwners) {
		r.add(ask{peer: id})
	}
	asks = m.reliable(r.asks)
	return asks[:min(hedgedPeers, len(asks))]
}

// overtake ends the second request, since the first has answered.
func (h *hedge) overtake() {
	if cancel := h.cancel.Load(); cancel != nil {
		(*cancel)()
	}
}

// take copies what the second request brought to where the first one's bytes would be, beyond the had that came, and returns how
// many bytes those are. Both requests have ended.
func (h *hedge) take(space [][]byte, had int64) (n int64) {
	if h.won == nil {
		return 0
	}
	p := h.buf[:h.length()]
	for _, s := range space {
		k := min(len(s), len(p))
		if skip := int(min(had, int64(k))); skip < k {
			n += int64(copy(s[skip:k], p[skip:]))
		}
		had, p = max(had-int64(k), 0), p[k:]
	}
	return n
}

// end gives the hedge's memory back.
func (h *hedge) end() {
	if h.buf != nil {
		sendBufs.Put(h.buf)
		h.buf = nil
	}
}

// next is whom to ask for what is left: who was sooner, then who was late and those after it.
func (h *hedge) next(late ask, rest []ask) []ask {
	if h.won == nil {
		return rest
	}
	rest = slices.DeleteFunc(slices.Clone(rest), func(a ask) bool { return a.peer == h.won.peer })
	return append([]ask{*h.won, late}, rest...)
}
