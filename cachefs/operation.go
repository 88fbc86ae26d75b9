package cachefs

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/journal"
)

// operation is a Client's name for a change that it may have to ask for again, of another node: the command that decides the
// change carries it. Each time that such a command is proposed takes the next of the operation's numbers, until one is done.
type operation struct {
	op   journal.OpID // its session numbers operations; each of them has opParts numbers in the journal
	part atomic.Uint64
}

// opParts is how often the deciding command of an operation is proposed under its name: it may have to wait for intents.
const opParts = 64

type operationKey struct{}

func withOperation(ctx context.Context, op journal.OpID) context.Context {
	if op.Session == ([16]byte{}) {
		return ctx
	}
	return context.WithValue(ctx, operationKey{}, &operation{op: op})
}

// withoutOperation is for what comes before the change that the operation names, or after it.
func withoutOperation(ctx context.Context) context.Context {
	return context.WithValue(ctx, operationKey{}, nil)
}

// partOf is the name in the journal of a part of an operation.
func partOf(op journal.OpID, part uint64) journal.OpID {
	return journal.OpID{Session: op.Session, Seq: op.Seq*opParts + part, Acked: op.Acked*opParts + opParts - 1, At: op.At}
}

// opFor is the name under which a command is proposed: the Client's if there is one and the command decides its change. ErrBusy:
// it has no more of them; under another name nobody could find out what became of it.
func (n *Node) opFor(ctx context.Context, c command) (journal.OpID, error) {
	o, ok := ctx.Value(operationKey{}).(*operation)
	if !ok || !decides(c) {
		return n.session.Next(), nil
	}
	part := o.part.Add(1) - 1
	if part >= opParts {
		return journal.OpID{}, fmt.Errorf("%w: other changes of the path were under way, %d times; ask again", ErrBusy, opParts)
	}
	return partOf(o.op, part), nil
}

// decides reports whether a change of the namespace has happened, or has begun, when c is done.
func decides(c command) bool {
	switch c.(type) {
	case *namespace.Mkdir, *namespace.Rename, *namespace.Remove, *namespace.SetAttr, *namespace.Mount, *namespace.Unmount,
		*namespace.BeginBy, *namespace.CreateFile:
		return true
	}
	return false
}

// fence finds out what became of an operation that a Client asked another node for, and did not hear of. It takes the next of
// the operation's numbers for a command that does nothing: either that has an answer already, of the change, or the change cannot
// be made any more. done says that it was made, or begun.
func (n *Node) fence(ctx context.Context, op journal.OpID) (a namespace.Answer, done bool, err error) {
	nothing := &namespace.CompleteFile{} // of no inode: ErrLeaseLost, which no deciding command answers
	for part := range uint64(opParts) {
		a, err := n.proposeAs(ctx, partOf(op, part), nothing)
		switch {
		case err == nil:
			return a, true, nil
		case err == namespace.ErrLeaseLost:
			return a, false, nil
		case a.Err == nil: // the journal's own
			return a, false, err
		}
	}
	return a, false, nil
}

// repeated is what a Client hears that asks again for operations of which it does not know what became. done is false if
// none of them was made, nor will be. Every err is an ErrUnknownOutcome.
func (n *Node) repeated(ctx context.Context, tried []journal.OpID) (done bool, err error) {
	for _, op := range tried {
		a, done, err := n.fence(ctx, op)
		switch {
		case err != nil:
			return true, fmt.Errorf("%w: it could not be found out: %w", ErrUnknownOutcome, err)
		case done && a.IntentID != 0: // it has ended, when that has: as its store would have it
			if err := n.intentGone(ctx, a.IntentID); err != nil {
				return true, fmt.Errorf("%w: it has begun: %w", ErrUnknownOutcome, err)
			}
			return true, fmt.Errorf("%w: the node that began it was lost before it answered", ErrUnknownOutcome)
		case done:
			return true, nil
		}
	}
	return false, nil
}
