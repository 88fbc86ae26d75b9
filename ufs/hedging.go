package ufs

import (
	"slices"
	"sync/atomic"
	"time"
)

const (
	recentOpens = 256 // of which the p95 is taken: at 100 a second, of the last 3 s
	enoughOpens = 64  // before there is a p95: 3 are above it
	renewEvery  = 32  // opens: sorting 256 numbers is 10 µs

	// leastHedge is the shortest delay: what answers sooner is a disk or memory, where a second request helps nobody.
	leastHedge = 5 * time.Millisecond

	hedgeEvery = 20 // requests for one more: 5 %
	hedgeBurst = 10 // unspent ones that are kept: a quiet hour does not pay for a storm
)

// hedging knows how long a store's ranges take, and how many may be asked for twice. (J. Dean, L. A. Barroso, The Tail at
// Scale, 2013.)
type hedging struct {
	recent [recentOpens]atomic.Int64 // ns
	count  atomic.Uint64
	p95    atomic.Int64 // ns; 0: not known yet
	budget atomic.Int64 // in parts of which hedgeEvery pay for one
}

// observe takes how long a range took to begin.
func (h *hedging) observe(took time.Duration) {
	i := h.count.Add(1)
	h.recent[i%recentOpens].Store(int64(took))
	if i >= enoughOpens && i%renewEvery == 0 {
		h.renew(int(min(i, recentOpens)))
	}
}

func (h *hedging) renew(n int) {
	var all [recentOpens]int64
	for i := range n {
		all[i] = h.recent[(i+1)%recentOpens].Load()
	}
	slices.Sort(all[:n])
	h.p95.Store(all[n*95/100])
}

// after is how late an answer is one of the last 5 %; 0 while that is not known. It earns the budget its part.
func (h *hedging) after() time.Duration {
	if h.budget.Load() < hedgeBurst*hedgeEvery {
		h.budget.Add(1)
	}
	p95 := time.Duration(h.p95.Load())
	if p95 == 0 {
		return 0
	}
	return max(p95+1, leastHedge) // slower than that: not those that are just as fast
}

// spend takes one second request out of the budget, if there is one left.
func (h *hedging) spend() bool {
	for {
		b := h.budget.Load()
		if b < hedgeEvery {
			return false
		}
		if h.budget.CompareAndSwap(b, b-hedgeEvery) {
			return true
		}
	}
}
