package cachefs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// A change that touches both the namespace and an under store goes in three steps: an intent is entered, which keeps
// other changes off the paths; the store is called, under no lock; the intent ends, with the change or without. A crash
// between leaves the intent, and so does a call whose outcome is not known. Such intents are settled by looking at what
// the store has, by the node that began them: at Open, and by runIntents until the store answers. The primary adopts those of
// nodes that have gone.

// outcome is what a store call did.
type outcome struct {
	version string // of what the store has now under the (new) name
	modTime int64  // of the same, ns
}

// sameBytes is the outcome of a change that left the bytes of a file alone: the version that they have now, if they are
// those of version. If somebody else wrote the file before us, the replica keeps a version that the next look finds
// changed.
func sameBytes(version string, a ufs.Attr) outcome {
	if a.Was != "" && !a.Is(version) {
		return outcome{}
	}
	return outcome{a.Version, a.ModTime.UnixNano()}
}

// withIntent makes the change that b announces, with act as its part in the store. act's error, if it is certain that
// nothing happened, reverts; a doubtful one leaves it to settlement, which is waited for within ctx.
func (n *Node) withIntent(ctx context.Context, b *namespace.Begin, act func(ctx context.Context, s *ufs.Store, id uint64) (outcome, error)) error {
	m, _ := n.mounts.find(b.Path)
	store, err := m.open(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	a, err := n.change(ctx, &namespace.BeginBy{Begin: *b, Lease: n.lease})
	if err != nil {
		return err
	}
	if err := n.stillOurs(ctx, b.Kind, a.IntentID, began); err != nil {
		return err
	}
	out, actErr := act(ctx, store, a.IntentID)
	if actErr != nil && doubtful(actErr) {
		err = n.settleDoubt(ctx, a.IntentID, actErr)
	} else {
		err = n.endActed(ctx, a.IntentID, out, actErr)
	}
	if errors.Is(err, ErrUnknownOutcome) && b.Kind != namespace.IntentPublish && !n.isAlone() {
		n.spawn(func(ctx context.Context) { n.agree(ctx, a.IntentID, b.Path, b.To) })
	}
	return err
}

// endActed ends an intent whose store has answered for certain. The caller waits for that settleAfter longer than he would;
// then, since the primary is out of reach, runIntents has it. ErrUnknownOutcome: what the namespace makes of it is not known yet,
// because this node could not tell it, or was taken for dead. The store has made the change, or who settles the intent asks it
// once more for what it refused.
func (n *Node) endActed(ctx context.Context, id uint64, out outcome, actErr error) error {
	ends, cancel := n.outliving(ctx, settleAfter)
	defer cancel()
	err := n.end(ends, id, actErr == nil, out)
	if err != nil && !errors.Is(err, ErrLeaseLost) {
		n.orphans.add(id)
	}
	switch {
	case err == nil:
		return actErr
	case actErr != nil:
		return fmt.Errorf("%w: it was not made (%w), and may be tried again: %w", ErrUnknownOutcome, actErr, err)
	}
	return fmt.Errorf("%w: the store has made the change: %w", ErrUnknownOutcome, err)
}

// doubtful reports whether a call that failed with err may have had its effect all the same. What the store itself
// answered is certain.
func doubtful(err error) bool {
	if _, unknown := errors.AsType[*driver.Unknown](err); unknown {
		return true // a rename that is made of many calls may stop in the middle, for a certain reason
	}
	for _, certain := range []error{
		ErrNotExist, ErrExist, ErrPermission, ErrNotDir, ErrIsDir, ErrNotEmpty, ErrUnsupported, ErrReadOnly, ErrInvalid, ErrCrossMount,
	} {
		if errors.Is(err, certain) {
			return false
		}
	}
	return true
}

// settleDoubt looks at the store at once, and leaves the intent to runIntents if the store does not answer, or the primary. The error
// is nil if the change turns out to have happened, and cause if not.
func (n *Node) settleDoubt(ctx context.Context, id uint64, cause error) error {
	in, ok := n.tree.Intent(id)
	if !ok || in.Lease != n.lease {
		return fmt.Errorf("%w: another node settles it: %w", ErrUnknownOutcome, cause)
	}
	sctx, cancel := n.outliving(ctx, settleAfter)
	defer cancel()
	committed, err := n.settleIntent(sctx, in, ctx.Err() == nil)
	switch {
	case err != nil:
		n.orphans.add(id)
		return fmt.Errorf("%w until the store answers: %w: %w", ErrUnknownOutcome, cause, err)
	case committed:
		return nil
	}
	return cause
}

// settleAfter is how long an intent is settled on behalf of a caller who has left: it should end soon all the same.
const settleAfter = 2 * time.Second

// outliving is a context of the node that ends some time after ctx.
func (n *Node) outliving(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(n.ctx)
	timer := make(chan *time.Timer, 1)
	stop := context.AfterFunc(ctx, func() { timer <- time.AfterFunc(grace, cancel) })
	return longer, func() {
		if !stop() {
			(<-timer).Stop()
		}
		cancel()
	}
}

// settleIntent finishes or reverts an intent by what the store has. The removal of a tree is finished, or with finish
// false left where it is: its caller did not want to go on.
func (n *Node) settleIntent(ctx context.Context, in namespace.Intent, finish bool) (committed bool, err error) {
	m, key := n.mounts.find(in.Path)
	if m == nil {
		return false, n.end(ctx, in.ID, false, outcome{})
	}
	store, err := m.open(ctx)
	if err != nil {
		return false, err
	}
	var out outcome
	switch in.Kind {
	case namespace.IntentRemove:
		committed, err = n.settleRemove(ctx, store, key, in, finish)
	case namespace.IntentRename:
		_, to := n.mounts.find(in.To)
		committed, out, err = n.settleRename(ctx, store, key, to, in)
	case namespace.IntentPublish:
		committed, out, err = n.settlePublish(ctx, store, in)
	case namespace.IntentSetAttr:
		committed, out, err = n.settleAttr(ctx, store, m, key, in)
	case namespace.IntentMkdir:
		var a ufs.Attr
		a, err = store.Stat(ctx, key)
		committed, out = err == nil, outcome{a.Version, a.ModTime.UnixNano()}
		if errors.Is(err, ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return false, err
	}
	err = n.end(ctx, in.ID, committed, out)
	switch {
	case err != nil:
	case in.Kind == namespace.IntentPublish:
		err = n.settledPublish(ctx, m, in, committed)
	case in.Kind == namespace.IntentRemove && in.Recursive && !committed:
		n.seeBelow(ctx, in.Path) // some of it may be gone
	case in.Kind == namespace.IntentRename && committed:
		if to, known := n.tree.Get(in.Ino); known && to.Dir {
			n.seeCopies(ctx, m, in.To)
		}
	}
	return committed, err
}

// end ends an intent of this run. ErrLeaseLost: another node took this one for dead, and decides what becomes of it.
func (n *Node) end(ctx context.Context, id uint64, commit bool, out outcome) error {
	end := namespace.End{IntentID: id, Commit: commit, Version: out.version, ModTime: out.modTime}
	_, err := n.propose(ctx, &namespace.EndBy{End: end, Lease: n.lease})
	return err
}

// settleRemove: what is gone is removed. A removal that had begun is finished, unless somebody else has put another
// version there since, or the store refuses it: then it stays.
func (n *Node) settleRemove(ctx context.Context, s *ufs.Store, key string, in namespace.Intent, finish bool) (bool, error) {
	a, err := s.Stat(ctx, key)
	if errors.Is(err, ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if a.Dir && finish && in.Recursive {
		err := n.removeTree(ctx, s, in.Path, key, in.ID, RemoveOptions{Recursive: true, Unchecked: in.Unchecked})
		if err != nil && !doubtful(err) {
			return false, nil // what could not be removed stays, with the directories above it
		}
		return err == nil, err
	}
	if a.Dir || !a.Is(in.Prior) {
		return false, nil
	}
	err = gone(s.Delete(ctx, key))
	if err != nil && !doubtful(err) {
		return false, nil
	}
	return err == nil, err
}

// intentGone returns when the intent has ended.
func (n *Node) intentGone(ctx context.Context, id uint64) error {
	for {
		ended := n.effects.intentEnded()
		if _, ok := n.tree.Intent(id); !ok {
			return nil
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-n.ctx.Done():
			return ErrClosed
		}
	}
}
