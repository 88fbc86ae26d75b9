package cachefs

import (
	"context"
	"time"
)

// lingers is how long a hand waits for more to do: a job's pause between two files is shorter.
const lingers = 10 * time.Second

// hands are goroutines of a node that wait for more work when theirs is done. One that has made a request to a store has
// the stack for the next: a fresh goroutine grows it, by copying, four or five times under an SDK.
type hands struct {
	n    *Node
	work chan func(ctx context.Context)
}

func newHands(n *Node) *hands { return &hands{n, make(chan func(ctx context.Context))} }

// do runs work in a goroutine of the node; false: the node closes.
func (h *hands) do(work func(ctx context.Context)) bool {
	select {
	case h.work <- work:
		return true
	default: // nobody waits
	}
	return h.n.spawn(func(ctx context.Context) {
		work(ctx)
		h.linger(ctx)
	})
}

// linger works until there has been nothing to do for a while, or the node closes.
func (h *hands) linger(ctx context.Context) {
	idle := time.NewTimer(lingers)
	defer idle.Stop()
	for {
		select {
		case work := <-h.work:
			work(ctx)
			idle.Reset(lingers)
		case <-idle.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
