package cachefs

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/millpond/millpond/internal/namespace"
)

// unheardGrace is how long what was begun by a node that is no member stays: it may be starting again, with all others, or
// be on the far side of a network that is just coming back.
const unheardGrace = time.Minute

// departed are the nodes that have gone, as the primary sees them.
type departed struct{ wake chan struct{} }

func newDeparted() departed { return departed{wake: make(chan struct{}, 1)} }

func (d departed) kick() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// absence is since when the runs that hold leases and are of no member have been missed. One goroutine.
type absence map[[16]byte]time.Time

// step says which of the leases have ended: those of members that failed or left, at once; those of nodes that are no
// members, and of members that say that they are in another run, when they were missed for unheardGrace. next is when
// another one's grace ends, if any waits for it.
func (a absence) step(now time.Time, leases [][16]byte, members []member) (ended [][16]byte, next time.Time) {
	missed := absence{}
	for _, lease := range leases {
		i := slices.IndexFunc(members, func(m member) bool { return isNodes(lease, m.id) })
		switch {
		case i >= 0 && !members[i].alive:
			ended = append(ended, lease)
			continue
		case i >= 0 && (members[i].run == lease || members[i].run == [16]byte{}):
			continue
		}
		since, known := a[lease]
		if !known {
			since = now
		}
		missed[lease] = since
		if end := since.Add(unheardGrace); !end.After(now) {
			ended = append(ended, lease)
		} else if next.IsZero() || end.Before(next) {
			next = end
		}
	}
	clear(a)
	maps.Copy(a, missed)
	return ended, next
}

// runDeparted ends what nodes that have gone had begun, while this node is the primary, until ctx ends. Owner: Node.start.
func (n *Node) runDeparted(ctx context.Context) {
	missed, left := absence{}, absence{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		changed := n.nodes.changed()
		again, led := time.Time{}, false
		n.asPrimary(ctx, func(ctx context.Context) {
			again, led = sooner(n.endDeparted(ctx, missed), n.endLeavers(ctx, left)), true
		})
		if !led {
			clear(missed) // a later leadership begins to miss them anew
			clear(left)
		}
		timer.Reset(unheardGrace)
		if !again.IsZero() {
			timer.Reset(time.Until(again))
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-n.departed.wake:
		case <-timer.C:
		}
	}
}

// sooner is the earlier of two times that are not zero.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// endDeparted removes the incomplete files, and settles the intents, whose leases have ended. It returns when to look
// again, the zero time if only a change can bring more.
func (n *Node) endDeparted(ctx context.Context, missed absence) (again time.Time) {
	ended, again := missed.step(time.Now(), n.tree.Leases(), n.nodes.members())
	for _, lease := range ended {
		if _, err := n.propose(ctx, &namespace.ExpireLeases{Lease: lease}); err != nil {
			n.log.Warn("files that a node was writing when it went are still listed", "err", err)
			return time.Now().Add(settleMinDelay)
		}
	}
	err := n.adopt(ctx, func(in *namespace.Intent) bool { return slices.Contains(ended, in.Lease) })
	n.orphans.kick()
	if err != nil {
		n.log.Warn("what a node was changing when it went is not settled yet", "err", err)
		return time.Now().Add(settleMinDelay)
	}
	if len(ended) > 0 { // what an intent held stays until that has ended
		return time.Now().Add(settleMaxDelay)
	}
	return again
}
