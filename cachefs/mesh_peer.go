package cachefs

import (
	"slices"
	"sync"
	"time"
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
	mu struct {
		sync.Mutex
		delays [delays]time.Duration // until the first bytes, the latest ones
		n      int                   // of all of them
		p95    time.Duration         // of delays, computed now and then
		avoid  time.Time             // it failed: others first until then
		pause  time.Duration
		stalls int // one after the other
	}
}

// answered notes how long the first bytes took. Only answers from a tier say how soon the peer is.
func (a *acquaintance) answered(after time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.delays[a.mu.n%delays] = after
	a.mu.n++
	if a.mu.n&(a.mu.n-1) == 0 || a.mu.n%(delays/4) == 0 {
		sorted := slices.Sorted(slices.Values(a.mu.delays[:min(a.mu.n, delays)]))
		a.mu.p95 = sorted[(len(sorted)*95-1)/100]
	}
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
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.n == 0 {
		return firstPatience
	}
	return min(max(a.mu.p95, minPatience), maxPatience)
}

// avoided reports whether others are to be asked first.
func (a *acquaintance) avoided(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return now.Before(a.mu.avoid)
}
