package cachefs

import (
	"context"
	"fmt"
	"time"
)

// A node that is cut off from the primary, or does not follow it since its journal's disk is full, waits: its own callers have nobody else to
// ask. A Client has, and so has a node that it looks at a store for, and they are told.
var (
	errUnled       = fmt.Errorf("%w that this node can follow", ErrNoPrimary)      // so nothing was begun
	errLostPrimary = fmt.Errorf("%w that this node can follow any more", errUnled) // it was: what became of it is not known
)

const (
	ledTick = 500 * time.Millisecond
	// unledTime is how long a node may be without a primary that it can follow: an election takes less than 2 s.
	unledTime = 3 * time.Second
)

// unled is for how long the node has known no primary, or followed none; 0 while it does. What a primary's own disk does not take ends its
// lead, or is its answer.
func (n *Node) unled() time.Duration {
	if n.journal.Primary() {
		return 0
	}
	return max(n.journal.Unled(), n.journal.Unwritable())
}

// whileLed returns a context that ends, with errLostPrimary, when the node has had no primary to follow for a while; errUnled if it
// has none now.
func (n *Node) whileLed(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if n.unled() > 0 {
		return ctx, func() {}, errUnled
	}
	ctx, end := n.untilUnled(ctx)
	return ctx, end, nil
}

// untilUnled is whileLed for what may need no primary, and is then done before that is noticed.
func (n *Node) untilUnled(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	later := time.AfterFunc(ledTick, func() { n.watchLed(ctx, cancel) })
	return ctx, func() { later.Stop(); cancel(nil) }
}

// watchLed ends a context when the node has followed no primary for unledTime.
func (n *Node) watchLed(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(ledTick)
	defer tick.Stop()
	for {
		if n.unled() >= unledTime {
			cancel(errLostPrimary)
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// whileLedIf is whileLed for what may need no primary.
func (n *Node) whileLedIf(needed bool, ctx context.Context) (context.Context, context.CancelFunc, error) {
	if !needed {
		return ctx, func() {}, nil
	}
	return n.whileLed(ctx)
}
