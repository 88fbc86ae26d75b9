package cachefs

import (
	"sync"
	"time"

	"github.com/millpond/millpond/internal/tail"
)

const (
	firstPatience = 200 * time.Millisecond // with a peer that has not answered yet
	minPatience   = 20 * time.Millisecond  // a pause of its garbage collector or scheduler is no reason to ask another
	maxPatience   = time.Second
	minAvoid      = time.Second // a peer that failed is asked last for so long, doubled each time
	maxAvoid      = 10 * time.Second
	maxStalls     = 3
	delays        = 64 // that are remembered of a peer
)

// acquaintance is what this node remembers of a peer: how soon it answers, and whether it failed of late.
type acquaintance struct {
	delays *tail.Delays // until the first bytes, where those did not wait for a store
	mu     struct {
		sync.Mutex
		avoid  time.Time // it failed: others first until then
		pause  time.Duration
		stalls int // one after the other
	}
}

func newAcquaintance() *acquaintance {
	return &acquaintance{delays: tail.NewDelays(delays, 1)}
}

// answered notes how long the first bytes took.
func (a *acquaintance) answered(after time.Duration) {
	a.delays.Observe(after)
	a.works()
}

// works notes that the peer can be relied on.
func (a *acquaintance) works() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.pause, a.mu.avoid, a.mu.stalls = 0, time.Time{}, 0
}

// stalled notes that the peer lives and did not send a block, or not that block: it may have had too much to do, or a bit
// has flipped. Others are asked first when that happens again and again.
func (a *acquaintance) stalled(now time.Time) {
	a.mu.Lock()
	a.mu.stalls++
	often := a.mu.stalls >= maxStalls
	a.mu.Unlock()
	if often {
		a.failed(now)
	}
}

// failed notes that the peer could not be relied on.
func (a *acquaintance) failed(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.pause = min(max(2*a.mu.pause, minAvoid), maxAvoid)
	a.mu.avoid = now.Add(a.mu.pause)
}

// patience is how long to wait for the first bytes before somebody else is asked.
func (a *acquaintance) patience() time.Duration {
	p95 := a.delays.P95()
	if p95 == 0 {
		return firstPatience
	}
	return min(max(p95, minPatience), maxPatience)
}

// avoided reports whether others are to be asked first.
func (a *acquaintance) avoided(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return now.Before(a.mu.avoid)
}
