package cachefs

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/journal"
)

// A node that leaves says so in the journal before it looks at who else has what it has. The journal gives an order to two
// that leave at once: the second one finds the first among those that leave, and does not count on it. Gossip would not:
// each could still see the other as one that stays.

// announceTime bounds the wait for a primary that is known and does not answer.
const announceTime = 3 * time.Second

// forFarewell returns a context for what a node that leaves tells the journal: it ends, too, when the node has followed no primary for
// unledTime, counted from before it began to leave. Handing over the vote is bounded by the same time, so that a node that is cut off waits once.
func (n *Node) forFarewell(ctx context.Context) (context.Context, context.CancelFunc) {
	if n.isAlone() {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	n.spawn(func(context.Context) { n.watchLed(ctx, cancel) })
	return ctx, func() { cancel(nil) }
}

// announce has the journal take that this run of the node leaves. On return this node's replica has all that was said before.
// said is false, without an error, where an older node keeps the journal from taking it.
func (n *Node) announce(ctx context.Context) (said bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, announceTime)
	defer cancel()
	_, err = n.propose(ctx, &namespace.Leaving{Leaver: namespace.Leaver{Node: n.id, Lease: n.lease}})
	if level, older := errors.AsType[*journal.LevelError](err); older {
		n.log.Warn("another node that leaves now may be taken for one that stays", "err", level)
		return false, nil
	}
	return err == nil, err
}

// announced reports whether the replica has what announce said: the primary forgets it of a node that it takes for gone.
func (n *Node) announced() bool {
	return slices.Contains(n.tree.Leavers(), namespace.Leaver{Node: n.id, Lease: n.lease})
}

// presence is who is there at one moment.
type presence struct {
	live    map[string]bool    // neither failed nor left; this node, too
	stay    map[string]bool    // of those, who has not said that it leaves
	leavers []namespace.Leaver // who has, in that order
}

func (n *Node) presence() presence {
	p := presence{live: n.living(), stay: n.living(), leavers: n.tree.Leavers()}
	for _, l := range p.leavers {
		delete(p.stay, l.Node)
	}
	return p
}

// staying are the nodes that live and have not said that they leave.
func (n *Node) staying() map[string]bool { return n.presence().stay }

// followLeavers is called when the replica has others that leave: who acts for a file may be another node now.
func (n *Node) followLeavers() {
	n.persist.kick()
	n.persist.moved()
}

// endLeavers forgets, as the primary, runs that left and have gone. They count as gone a grace after that was seen: until then
// another node may still take them for alive. missed is since when they are. It returns when to look again, as absence.step.
func (n *Node) endLeavers(ctx context.Context, missed absence) (again time.Time) {
	leavers := n.tree.Leavers()
	leases := make([][16]byte, len(leavers))
	for i, l := range leavers {
		leases[i] = l.Lease
	}
	alive := slices.DeleteFunc(n.nodes.members(), func(m member) bool { return !m.alive })
	ended, again := missed.step(time.Now(), leases, alive)
	for _, l := range leavers {
		if !slices.Contains(ended, l.Lease) {
			continue
		}
		if _, err := n.propose(ctx, &namespace.Leaving{Leaver: l, Ended: true}); err != nil {
			n.log.Warn("a node that has left is still listed as one that leaves", "node", l.Node, "err", err)
			return time.Now().Add(settleMinDelay)
		}
	}
	return again
}
