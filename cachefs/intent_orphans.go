package cachefs

import (
	"context"
	"sync"
	"time"

	"github.com/millpond/millpond/internal/namespace"
)

const (
	settleAtOpen   = 2 * time.Second       // Open waits this long at most for stores to answer for old intents
	settleMinDelay = 50 * time.Millisecond // between tries, doubling
	settleMaxDelay = 10 * time.Second      // a store that is down for long is asked six times a minute
)

// orphans are intents that nobody who began them will end: of an earlier run, or of a call whose outcome its store
// did not tell.
type orphans struct {
	mu   sync.Mutex
	ids  []uint64
	wake chan struct{}
}

func newOrphans() *orphans { return &orphans{wake: make(chan struct{}, 1)} }

func (o *orphans) add(ids ...uint64) {
	o.mu.Lock()
	o.ids = append(o.ids, ids...)
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *orphans) take() []uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	ids := o.ids
	o.ids = nil
	return ids
}

// adoptIntents takes over what earlier runs left open and settles what can be settled at once. An intent that this run has
// begun since is not for it: its upload may be on the way.
func (n *Node) adoptIntents(ctx context.Context, left []namespace.Intent) {
	for _, in := range left {
		n.orphans.add(in.ID)
	}
	ctx, cancel := context.WithTimeout(ctx, settleAtOpen)
	defer cancel()
	n.settleOrphans(ctx)
}

// settleOrphans tries each orphan once, and keeps those whose store does not answer.
func (n *Node) settleOrphans(ctx context.Context) (left int) {
	for _, id := range n.orphans.take() {
		in, ok := n.tree.Intent(id)
		if !ok {
			continue
		}
		committed, err := n.settleIntent(ctx, in, true)
		if err != nil {
			n.log.Warn("intent of unknown outcome: its store does not answer", "path", in.Path, "err", err)
			n.orphans.add(id)
			left++
			continue
		}
		n.log.Info("intent of unknown outcome settled", "path", in.Path, "done", committed)
	}
	return left
}

// runIntents settles orphans until ctx ends. Owner: Node.start.
func (n *Node) runIntents(ctx context.Context) {
	delay := settleMinDelay
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.orphans.wake:
		}
		if n.settleOrphans(ctx) == 0 {
			delay = settleMinDelay
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
		delay = min(2*delay, settleMaxDelay)
	}
}
