package ufs

import (
	"sync"
	"sync/atomic"
	"time"
)

// guard is a Store's breaker. While nothing has failed it costs a load of an atomic.
type guard struct {
	s       *Store
	trouble atomic.Bool // there is something to look at under the lock
	mu      struct {
		sync.Mutex
		breaker
	}
}

func newGuard(s *Store) *guard {
	g := &guard{s: s}
	g.mu.breaker = breaker{limit: s.o.BreakerFailures, delay: s.o.BreakerDelay, maxDelay: s.o.BreakerMaxDelay}
	return g
}

// refusalLocked is what callers are told. A probe in flight may close the breaker any time.
func (g *guard) refusalLocked() error {
	return &UnavailableError{Store: g.s.id, Failures: g.mu.failures, Until: g.mu.until, Err: g.mu.last}
}

// refuses says why a call that would have to wait for its turn need not wait.
func (g *guard) refuses() error {
	if !g.trouble.Load() {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.state == BreakerClosed || g.mu.state == BreakerOpen && !time.Now().Before(g.mu.until) {
		return nil
	}
	return g.refusalLocked()
}

// admit lets a call through or says why not.
func (g *guard) admit() (probe bool, err error) {
	if !g.trouble.Load() {
		return false, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	ok, probe := g.mu.admit(time.Now())
	if !ok {
		return false, g.refusalLocked()
	}
	return probe, nil
}

// settle takes the outcome of an attempt. begun: a body that has brought no byte yet.
func (g *guard) settle(k kind, probe, begun bool, err error) {
	fails := k.passing() && k != kindThrottled && !g.s.o.DisableBreaker
	if !fails && !g.trouble.Load() {
		return
	}
	was, now, until := g.step(k, fails, probe, begun, err)
	switch {
	case was != BreakerOpen && now == BreakerOpen && fails:
		g.s.o.Logger.Warn("circuit breaker opened", "store", g.s.id, "until", until, "err", err)
	case was != BreakerClosed && now == BreakerClosed:
		g.s.o.Logger.Info("circuit breaker closed", "store", g.s.id)
	}
}

func (g *guard) step(k kind, fails, probe, begun bool, err error) (was, now BreakerState, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was = g.mu.state
	switch {
	case fails:
		if g.mu.failed(time.Now(), probe, err) {
			g.s.limits.refuse(g.refusalLocked()) // no use in waiting for a turn
		}
	case k == kindThrottled || k == kindCanceled || k == kindLocal:
		g.mu.undecided(probe)
	case begun:
		g.mu.began(probe)
	default:
		g.mu.succeeded(probe)
	}
	g.trouble.Store(!g.mu.clean())
	return was, g.mu.state, g.mu.until
}

// state is for Metrics.
func (g *guard) state() (BreakerState, int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.state, g.mu.opens
}
