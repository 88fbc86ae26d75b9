package ufs

import (
	"time"

	"github.com/millpond/millpond/internal/tail"
)

const (
	recentOpens = 256 // of which the p95 is taken: at 100 a second, of the last 3 s
	enoughOpens = 64  // before there is a p95: 3 are above it

	// leastHedge is the shortest delay: what answers sooner is a disk or memory, where a second request helps nobody.
	leastHedge = 5 * time.Millisecond
)

// hedging knows how long a store's ranges take to begin, and how many may be asked for twice.
type hedging struct {
	delays *tail.Delays
	budget tail.Budget
}

// after is how late an answer is one of the last 5 %; 0 while that is not known. It earns the budget its part.
func (h *hedging) after() time.Duration {
	h.budget.Earn()
	p95 := h.delays.P95()
	if p95 == 0 {
		return 0
	}
	return max(p95+1, leastHedge) // slower than that: not those that are just as fast
}
