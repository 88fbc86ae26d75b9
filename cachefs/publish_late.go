package cachefs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
)

// Who is taken for dead while he makes a change, a process that was stopped, does not know of it. His intent is settled by others, who
// go on: the file that he was about to publish may be gone when he wakes up.

// doubtAfter is how long after it was asked for an intent is not believed in without asking: less than it takes to be taken for dead.
const doubtAfter = 500 * time.Millisecond

// stillOurs asks, if that took long, whether the intent that this node began then is still its own. ErrLeaseLost: a file that is
// not published by its own node is not published. ErrUnknownOutcome of other changes: who settles them may find them made, by
// others, and finishes removals.
func (n *Node) stillOurs(ctx context.Context, kind namespace.IntentKind, id uint64, began time.Time) error {
	if n.isAlone() || time.Since(began) < doubtAfter {
		return nil
	}
	if err := n.barrier(ctx); err != nil {
		return n.endActed(ctx, id, outcome{}, err)
	}
	in, ok := n.tree.Intent(id)
	switch {
	case ok && in.Lease == n.lease:
		return nil
	case kind == namespace.IntentPublish:
		return ErrLeaseLost
	}
	return fmt.Errorf("%w: it had begun: %w", ErrUnknownOutcome, ErrLeaseLost)
}

// condition says over what an upload may be published.
type condition func(ctx context.Context, s *ufs.Store, key string, o *ufs.CreateOptions) error

// overWhatIsThere lets an upload be published over what the store has now, and nothing else, as far as the store has such conditions:
// one that is held up within the store's own call does not replace what others write meanwhile. An upload that is refused is made
// again, over what is there then. A node alone is taken for dead by nobody.
func (n *Node) overWhatIsThere(ctx context.Context, s *ufs.Store, key string, o *ufs.CreateOptions) error {
	caps := s.Caps()
	if n.isAlone() || !caps.IfAbsent {
		return nil
	}
	a, err := s.Stat(ctx, key)
	switch {
	case errors.Is(err, ErrNotExist):
		o.IfAbsent = true
	case err != nil:
		return err
	case !a.Dir && caps.ReplaceVersion:
		o.IfVersion = a.Version
	}
	return nil
}

// publication is what the store shows of an upload of ours, and the namespace perhaps does not.
type publication struct {
	path    string
	mount   *mount
	intent  uint64
	version string
}

// withdraw looks after a publication, of a file that was complete before, which others may have held for not done, and gone on: where the
// file has been removed it would come back as somebody else's.
func (n *Node) withdraw(ctx context.Context, p publication) {
	n.onceHeard(ctx, p.intent, p.path, func() error { return n.withdrawHeard(ctx, p) })
}

// agree looks after a change that the store was asked for and others may have decided otherwise about: the namespace has what the store has.
func (n *Node) agree(ctx context.Context, intent uint64, paths ...string) {
	n.onceHeard(ctx, intent, paths[0], func() error {
		for _, path := range paths {
			if m, key := n.mounts.find(path); m != nil {
				n.lookAfter(ctx, m, key, path)
				n.seeBelow(ctx, path)
			}
		}
		return nil
	})
}

// onceHeard does something, until it succeeds, when the intent has ended and this node knows what others have made of it.
func (n *Node) onceHeard(ctx context.Context, intent uint64, path string, do func() error) {
	for delay := settleMinDelay; ctx.Err() == nil; delay = min(2*delay, settleMaxDelay) {
		err := n.intentGone(ctx, intent)
		if err == nil {
			err = n.barrier(ctx)
		}
		if err == nil {
			err = do()
		}
		if err == nil {
			return
		}
		n.log.Warn("a change that came too late is not looked after yet", "path", path, "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
	}
}

// withdrawHeard is withdraw once others are heard. It removes that very version, if the replica has nothing under the name: any file there may
// be somebody's, with equal bytes too, or this one as a look has found it since. A stray that was found first stays.
func (n *Node) withdrawHeard(ctx context.Context, p publication) error {
	if m, _ := n.mounts.find(p.path); m != p.mount {
		return nil // what is unmounted stays as it is
	}
	if _, err := n.tree.Stat(p.path, nil); !errors.Is(err, ErrNotExist) {
		return nil
	}
	return gone(n.retryStale(ctx, p.path, func(in *namespace.Inode) error {
		if in.Dir || in.Version.String() != p.version {
			return nil
		}
		n.log.Info("a file that was removed while this node was taken for dead is removed from its store", "path", p.path)
		return n.removeInode(ctx, p.path, in, RemoveOptions{})
	}))
}
