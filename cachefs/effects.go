package cachefs

import (
	"context"
	"math"
	"sync"

	"github.com/millpond/millpond/internal/namespace"
)

// maxEffects bounds what waits for the tiers: 64 Ki effects of 100 B are 6 MiB. Beyond it the node forgets them and
// compares its tiers with its replica instead.
const maxEffects = 64 << 10

// effects is the queue between Apply, which must not wait, and the tiers, which may.
type effects struct {
	mu struct {
		sync.Mutex
		queue    []namespace.Effect
		overflow bool          // something was left out: compare
		ended    chan struct{} // closed and replaced when an intent ends
		next     chan struct{} // closed when what is queued has been done; nil: nothing is
		working  chan struct{} // closed when what was taken has been done; nil: nothing was
	}
	wake chan struct{} // one token: there is work
}

func newEffects() *effects {
	e := &effects{wake: make(chan struct{}, 1)}
	e.mu.ended = make(chan struct{})
	return e
}

// add queues what an entry asks for.
func (e *effects) add(list []namespace.Effect) {
	if len(list) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range list {
		if list[i].Kind == namespace.IntentEnded {
			close(e.mu.ended)
			e.mu.ended = make(chan struct{})
			continue
		}
		if len(e.mu.queue) >= maxEffects {
			e.mu.overflow = true
			continue
		}
		e.mu.queue = append(e.mu.queue, list[i])
	}
	e.wakeLocked()
}

// lost notes that effects were not seen.
func (e *effects) lost() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.overflow = true
	e.wakeLocked()
}

func (e *effects) wakeLocked() {
	if e.mu.next == nil {
		e.mu.next = make(chan struct{})
	}
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// intentEnded returns a channel that is closed when the next intent ends.
func (e *effects) intentEnded() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mu.ended
}

// take hands over all that waits.
func (e *effects) take() (list []namespace.Effect, overflow bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	list, overflow = e.mu.queue, e.mu.overflow
	e.mu.queue, e.mu.overflow = nil, false
	e.mu.working, e.mu.next = e.mu.next, nil
	return list, overflow
}

// rest says that what was taken has been done.
func (e *effects) rest() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.working != nil {
		close(e.mu.working)
		e.mu.working = nil
	}
}

// depth is how many effects wait.
func (e *effects) depth() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.mu.queue)
}

// wait returns when all that was asked for so far has been done, whatever comes after it, or nobody will do it any more:
// closed is closed.
func (e *effects) wait(ctx context.Context, closed <-chan struct{}) error {
	e.mu.Lock()
	done := e.mu.next
	if done == nil {
		done = e.mu.working
	}
	e.mu.Unlock()
	if done == nil {
		return nil
	}
	select {
	case <-done:
		return nil
	case <-closed: // the next run compares
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// runEffects does what applied entries ask of this node, until ctx ends. Owner: Node.start.
func (n *Node) runEffects(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.effects.wake:
		}
		list, overflow := n.effects.take()
		for i := range list {
			n.obey(&list[i])
		}
		if overflow {
			n.compare(ctx)
		}
		n.effects.rest()
	}
}

// obey does one thing that an entry asks for.
func (n *Node) obey(e *namespace.Effect) {
	switch e.Kind {
	case namespace.Dropped, namespace.Freed:
		blocks := int64(math.MaxInt64) // unknown: what was being written
		if e.Complete {
			blocks = blocksOf(&namespace.Inode{Size: e.Size, BlockSize: e.BlockSize})
		}
		n.dropBlocks(e.FileID, blocks)
	case namespace.Pinned:
		n.pinFile(e.Ino, true)
	case namespace.Unpinned:
		n.pinFile(e.Ino, false)
	case namespace.ToPersistEffect:
		n.persist.kick()
	case namespace.Stored:
		n.unholdFile(&namespace.Inode{FileID: e.FileID, Size: e.Size, BlockSize: e.BlockSize})
		n.persist.moved()
	case namespace.Rehomed:
		n.rehold(e.Ino)
	case namespace.Missed:
		n.persist.moved()
		n.spawn(func(ctx context.Context) {
			if err := n.checkHome(ctx, e.Ino); err != nil && ctx.Err() == nil {
				n.log.Warn("a file that is said to be lost is here", "ino", e.Ino, "err", err)
			}
		})
	}
}
