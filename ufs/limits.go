package ufs

import (
	"container/list"
	"context"
	"sync"
)

// limits is what a store is given to do at a time: calls, and bytes. Who waits is served in the order of coming, so that
// a large one is not passed by small ones for ever. One that is larger than the limit goes alone.
type limits struct {
	maxCalls int
	maxBytes int64
	mu       struct {
		sync.Mutex
		calls int
		bytes int64
		queue list.List // of *waiter
	}
}

type waiter struct {
	bytes int64
	ready chan error // one answer: nil, or why there is no place
}

func newLimits(calls int, bytes int64) *limits { return &limits{maxCalls: calls, maxBytes: bytes} }

// fit is what n bytes count as; give wants the same n.
func (l *limits) fit(n int64) int64 { return min(n, l.maxBytes) }

func (l *limits) takeLocked(n int64) bool {
	if l.mu.calls >= l.maxCalls || l.mu.bytes+n > l.maxBytes {
		return false
	}
	l.mu.calls++
	l.mu.bytes += n
	return true
}

// try takes a place for a call of n bytes if one is free and nobody waits.
func (l *limits) try(n int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.queue.Len() == 0 && l.takeLocked(l.fit(n))
}

// take waits for a place for a call of n bytes.
func (l *limits) take(ctx context.Context, n int64) error {
	l.mu.Lock()
	if l.mu.queue.Len() == 0 && l.takeLocked(l.fit(n)) {
		l.mu.Unlock()
		return nil
	}
	w := &waiter{l.fit(n), make(chan error, 1)}
	e := l.mu.queue.PushBack(w)
	l.mu.Unlock()
	select {
	case err := <-w.ready:
		return err
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case err := <-w.ready:
		if err == nil { // served at that very moment
			l.giveLocked(w.bytes)
		}
	default:
		l.mu.queue.Remove(e)
		l.serveLocked() // it may have been the one that did not fit
	}
	return context.Cause(ctx)
}

// give gives back what take took for n bytes.
func (l *limits) give(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.giveLocked(l.fit(n))
}

func (l *limits) giveLocked(n int64) {
	l.mu.calls--
	l.mu.bytes -= n
	l.serveLocked()
}

// serveLocked gives places to those who wait, as long as the first in line fits.
func (l *limits) serveLocked() {
	for e := l.mu.queue.Front(); e != nil && l.takeLocked(e.Value.(*waiter).bytes); e = l.mu.queue.Front() {
		l.mu.queue.Remove(e).(*waiter).ready <- nil
	}
}

// refuse sends away all who wait.
func (l *limits) refuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.mu.queue.Front(); e != nil; e = l.mu.queue.Front() {
		l.mu.queue.Remove(e).(*waiter).ready <- err
	}
}

// use is what is taken, and how many wait.
func (l *limits) use() (calls int, bytes int64, waiting int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.calls, l.mu.bytes, l.mu.queue.Len()
}
