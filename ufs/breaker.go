package ufs

import "time"

// BreakerState is what a store's circuit breaker does with calls.
type BreakerState uint8

const (
	BreakerClosed   BreakerState = iota // lets them through
	BreakerOpen                         // refuses them
	BreakerHalfOpen                     // has let one through, to see whether the store works again
)

func (s BreakerState) String() string { return [...]string{"closed", "open", "half-open"}[s] }

// breaker decides, without a clock of its own, whether calls are let through. It opens after limit failures in a row;
// when its delay is over the next call is the probe, whose outcome closes it or doubles the delay. (M. Nygard, Release
// It!, 2007.)
type breaker struct {
	limit    int
	delay    time.Duration // of the first opening
	maxDelay time.Duration

	state    BreakerState
	failures int           // in a row
	wait     time.Duration // of this opening
	until    time.Time     // when a probe is let through, while open
	last     error
	opens    int64
}

// admit reports whether a call may be made now, and whether it is the probe: each probe is owed one outcome.
func (b *breaker) admit(now time.Time) (ok, probe bool) {
	switch {
	case b.state == BreakerClosed:
		return true, false
	case b.state == BreakerOpen && !now.Before(b.until):
		b.state = BreakerHalfOpen
		return true, true
	}
	return false, false
}

// succeeded takes an answer of the store, whatever it says. While the breaker is not closed only the probe's counts:
// another call may have begun long before.
func (b *breaker) succeeded(probe bool) {
	if probe || b.state == BreakerClosed {
		b.state, b.failures, b.wait, b.last = BreakerClosed, 0, 0, nil
	}
}

// began takes the beginning of an answer: a body that has brought no byte yet. As a probe it closes the breaker, until
// the next failure.
func (b *breaker) began(probe bool) {
	if probe {
		b.state, b.failures = BreakerClosed, b.limit-1
	}
}

// failed takes a failure that may pass, and reports whether it opened the breaker.
func (b *breaker) failed(now time.Time, probe bool, err error) (opened bool) {
	if !probe && b.state != BreakerClosed {
		return false
	}
	b.failures++
	b.last = err
	if !probe && b.failures < b.limit {
		return false
	}
	b.state = BreakerOpen
	b.wait = min(max(2*b.wait, b.delay), b.maxDelay)
	b.until = now.Add(b.wait)
	b.opens++
	return true
}

// undecided takes the outcome of a call that says nothing of the store: the caller left, or it was asked too much.
func (b *breaker) undecided(probe bool) {
	if probe {
		b.state = BreakerOpen // and the next call is the probe
	}
}

// clean reports whether there is nothing to remember.
func (b *breaker) clean() bool { return b.state == BreakerClosed && b.failures == 0 && b.wait == 0 }
