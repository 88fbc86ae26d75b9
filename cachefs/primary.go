package cachefs

import (
	"context"

	"github.com/millpond/millpond/journal"
)

// What one node has to do for all of them, the primary does: times to live, what commands have left, what nodes that have
// gone had begun.

// asPrimary calls do if this node leads, with a context that ends with its leadership, too.
func (n *Node) asPrimary(ctx context.Context, do func(ctx context.Context)) {
	lead := n.journal.PrimaryContext()
	if lead.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(lead, func() { cancel(journal.ErrNoPrimary) })()
	do(ctx)
}

// leading is journal.Events.Primary of this node, before told, the user's.
func (n *Node) leading(told func(is bool)) func(is bool) {
	return func(is bool) {
		if is {
			n.leftovers.kick()
			n.departed.kick()
		}
		if told != nil {
			told(is)
		}
	}
}
