package objects

import (
	"context"
	"sync"
)

// budget lends bytes, first come first served, so that a large part is not passed by small ones for ever.
type budget struct {
	turn chan struct{} // held by the first in line
	mu   struct {
		sync.Mutex
		free, all int64
		back      chan struct{} // closed when bytes come back
	}
}

func newBudget(n int64) *budget {
	b := &budget{turn: make(chan struct{}, 1)}
	b.mu.free, b.mu.all, b.mu.back = n, n, make(chan struct{})
	return b
}

// take waits for n bytes, or for all of them if there are not so many. free gives them back.
func (b *budget) take(ctx context.Context, n int64) (free func(), err error) {
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-b.turn }()
	n = min(n, b.mu.all)
	for {
		b.mu.Lock()
		back := b.mu.back
		ok := b.mu.free >= n
		if ok {
			b.mu.free -= n
		}
		b.mu.Unlock()
		if ok {
			return func() { b.give(n) }, nil
		}
		select {
		case <-back:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.free += n
	close(b.mu.back)
	b.mu.back = make(chan struct{})
}
