package cachefs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/millpond/millpond/internal/namespace"
)

const (
	settleAtOpen   = 2 * time.Second       // Open waits this long at most for stores to answer for old intents
	settleMinDelay = 50 * time.Millisecond // between tries, doubling
	settleMaxDelay = 10 * time.Second      // a store that is down for long is asked six times a minute
)

// orphans are intents of this run that no call will end: adopted ones, and those of a call whose outcome its store did not
// tell.
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
	o.kick()
}

// hold is add for a caller who settles them, or kicks, next.
func (o *orphans) hold(id uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids = append(o.ids, id)
}

func (o *orphans) kick() {
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

// adopt makes intents of runs that have ended this run's orphans. The caller settles them, or kicks.
func (n *Node) adopt(ctx context.Context, which func(in *namespace.Intent) bool) error {
	for _, in := range n.tree.Intents() {
		if !which(&in) {
			continue
		}
		_, err := n.proposeOnce(ctx, &namespace.Adopt{IntentID: in.ID, From: in.Lease, To: n.lease})
		switch {
		case errors.Is(err, ErrLeaseLost): // it has ended, or another was first
		case err != nil:
			return err
		default:
			n.orphans.hold(in.ID)
		}
	}
	return nil
}

// settleSoon settles what can be settled at once; the rest is left to runIntents.
func (n *Node) settleSoon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleAtOpen)
	defer cancel()
	n.settleOrphans(ctx)
}

// settleOrphans tries each orphan once, and keeps those whose store does not answer.
func (n *Node) settleOrphans(ctx context.Context) (left int) {
	for _, id := range n.orphans.take() {
		in, ok := n.tree.Intent(id)
		if !ok || in.Lease != n.lease { // it has ended, or another took this node for dead and adopted it
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
