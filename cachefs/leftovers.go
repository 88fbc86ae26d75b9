package cachefs

import (
	"context"

	"github.com/millpond/millpond/internal/namespace"
)

// A command works on so many inodes and no more, whatever it is asked for; the rest is left to further commands, so that
// nobody waits for a tree of millions to go. Who wants to know that it is gone makes them; for all others the primary does.
type leftovers struct{ wake chan struct{} }

func newLeftovers() leftovers { return leftovers{wake: make(chan struct{}, 1)} }

func (l leftovers) kick() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// finish returns when commands have left nothing to be done.
func (n *Node) finish(ctx context.Context) error {
	for n.tree.Unfinished() {
		if _, err := n.proposeOnce(ctx, &namespace.Continue{}); err != nil {
			return err
		}
	}
	return nil
}

// runLeftovers does what was left, while this node is the primary, until ctx ends. Owner: Node.start.
func (n *Node) runLeftovers(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.leftovers.wake:
		}
		n.asPrimary(ctx, func(ctx context.Context) {
			if err := n.finish(ctx); err != nil && ctx.Err() == nil {
				n.log.Warn("what was removed is not all forgotten; the next change goes on", "err", err)
			}
		})
	}
}
