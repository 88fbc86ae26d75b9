package ufs

import (
	"sync"
	"time"
)

// hedge is a request that is made twice since the first is late. The first answer is taken, the other request is ended.
type hedge struct {
	s     *Store
	r     request
	first *stream
	ended chan struct{} // the second has come to its end
	mu    struct {
		sync.Mutex
		over   bool    // the first has been taken
		second *stream // while it is under way, and when it has won
		won    bool
		attr   Attr
	}
}

// openHedged opens st, and asks once more after delay.
func (s *Store) openHedged(st *stream, r request, delay time.Duration) (*stream, Attr, error) {
	h := &hedge{s: s, r: r, first: st, ended: make(chan struct{})}
	timer := time.AfterFunc(delay, h.run)
	a, err := st.open(r)
	if !timer.Stop() {
		return h.choose(a, err)
	}
	if err != nil {
		return nil, a, err
	}
	return st, a, nil
}

// run is the second request, in a goroutine of its own.
func (h *hedge) run() {
	defer close(h.ended)
	if !h.s.behind.begin() {
		return
	}
	defer h.s.behind.wg.Done()
	second := h.begin()
	if second == nil {
		return
	}
	h.s.counters.hedges.Add(1)
	a, err := second.open(h.r)
	if err == nil && h.win(a) {
		h.s.counters.hedgesW.Add(1)
		h.first.cancel(errOvertaken)
		return
	}
	second.close()
}

// begin takes what a second request needs: nobody waits for it, so neither does it.
func (h *hedge) begin() *stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.over || !h.s.hedging.budget.Spend() {
		return nil
	}
	p, ok := h.s.tryEnter(opOpen, h.r.weight())
	if !ok {
		return nil
	}
	h.mu.second = h.s.newStream(h.first.caller, p)
	return h.mu.second
}

// win takes the second answer, unless the first has been taken.
func (h *hedge) win(a Attr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.won = !h.mu.over
	h.mu.attr = a
	return h.mu.won
}

// choose takes the first's answer, or the second's if that came sooner or the first one's may pass.
func (h *hedge) choose(a Attr, err error) (*stream, Attr, error) {
	if err != nil && kindOf(h.first.caller, err).passing() {
		<-h.ended // it ends within the caller's context and the store's timeout
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.won {
		h.first.close()
		return h.mu.second, h.mu.attr, nil
	}
	h.mu.over = true
	if h.mu.second != nil {
		h.mu.second.cancel(errOvertaken)
	}
	if err != nil {
		return nil, a, err
	}
	return h.first, a, nil
}
