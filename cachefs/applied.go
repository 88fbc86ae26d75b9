package cachefs

import (
	"context"
	"errors"
	"sync"
	"time"
)

// applying lets others wait for what the replica applies, and for what goes with it: its mounts are followed then, and what
// the tiers are to do is queued. The replica's own index is ahead of that for a moment.
type applying struct {
	mu    sync.Mutex
	index uint64        // up to where
	moved chan struct{} // closed when something was applied; nil while nobody waits
}

func (a *applying) next() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.moved == nil {
		a.moved = make(chan struct{})
	}
	return a.moved
}

// at is the index up to which all is done, and what ends when that moves.
func (a *applying) at() (index uint64, moved <-chan struct{}) {
	moved = a.next()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.index, moved
}

func (a *applying) tell(index uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.index = index
	if a.moved != nil {
		close(a.moved)
		a.moved = nil
	}
}

// askSoon is how long a replica that is behind waits before it asks. In a busy mesh the primary's next message, which says what is
// committed, comes sooner; in an idle one it may take 100 ms.
const askSoon = 500 * time.Microsecond

// awaitIndex returns when this node has applied what another's replica had at an index.
func (n *Node) awaitIndex(ctx context.Context, index uint64) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	var ask *time.Timer
	var soon <-chan time.Time
	for {
		at, moved := n.applying.at()
		if at >= index {
			return nil
		}
		if ask == nil {
			ask = time.NewTimer(askSoon)
			defer ask.Stop()
			soon = ask.C
		}
		select {
		case <-moved:
		case <-soon:
			n.spawn(func(context.Context) { _ = n.journal.Barrier(ctx) }) // what it brings is seen as moved
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-n.ctx.Done():
			return ErrClosed
		}
	}
}

// lagTime is how long a replica is waited for that is behind. A change reaches who asks for it in milliseconds; a node that the primary
// does not reach gets none, though others may reach it.
const lagTime = 5 * time.Second

var errLags = errors.New("the replica is behind; does the primary reach this node?")

// keepUp is awaitIndex for what can be done elsewhere: errLags after lagTime.
func (n *Node) keepUp(ctx context.Context, index uint64) error {
	ctx, cancel := context.WithTimeoutCause(ctx, lagTime, errLags)
	defer cancel()
	return n.awaitIndex(ctx, index)
}

// tell has the journal take what this node found in stores, for another one: errLags where that takes longer than lagTime.
func (n *Node) tell(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, lagTime, errLags)
	defer cancel()
	err := n.overlay.flush(ctx)
	if context.Cause(ctx) == errLags && err != nil {
		return errors.Join(errLags, err)
	}
	return err
}

type appliedRequest struct {
	Index uint64 `json:"index"`
}

// serveApplied answers when the replica has applied an index and the tiers have done what that asks of them.
func (n *Node) serveApplied(ctx context.Context, r appliedRequest) error {
	if err := n.awaitIndex(ctx, r.Index); err != nil {
		return err
	}
	return n.effects.wait(ctx, n.ctx.Done())
}

const (
	askAgain    = 100 * time.Millisecond // a node that did not answer is left in peace so long, unless the members change
	askPatience = 2 * time.Second        // then it is looked whether it lives, and asked again
)

// everywhere returns when all of some nodes have applied what this one has, and their tiers have done what it asks of them.
// One that leaves or fails meanwhile is not waited for: it compares its tiers when it comes back.
func (n *Node) everywhere(ctx context.Context, ids []string) error {
	index := n.tree.Index()
	errs := make([]error, len(ids))
	var asked sync.WaitGroup
	for i, id := range ids {
		if id != n.id {
			asked.Go(func() { errs[i] = n.awaitNode(ctx, id, index) })
		}
	}
	asked.Wait()
	return errors.Join(errs...)
}

func (n *Node) awaitNode(ctx context.Context, id string, index uint64) error {
	for {
		changed := n.nodes.changed()
		if !n.living()[id] {
			return nil
		}
		patient, cancel := context.WithTimeout(ctx, askPatience)
		_, err := askNode[none](patient, n, id, callApplied, appliedRequest{Index: index})
		cancel()
		if err == nil || errors.Is(err, ErrClosed) {
			return nil
		}
		select {
		case <-changed:
		case <-time.After(askAgain):
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// living are the nodes that neither failed nor left; this one is among them.
func (n *Node) living() map[string]bool {
	live := map[string]bool{n.id: true}
	for _, m := range n.nodes.members() {
		if m.alive {
			live[m.id] = true
		}
	}
	return live
}
