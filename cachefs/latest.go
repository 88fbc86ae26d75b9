package cachefs

import (
	"context"
	"errors"
)

// errThere says that there is nothing to change: a directory that Mkdir may find is there. To latest it is a refusal.
var errThere = errors.New("is there already")

// latest makes a change that this node may refuse, or find done already, by its own replica. Among other nodes that may be
// older than what they have acknowledged: then the replica catches up, and the change is tried again. So a change is
// answered from a state of the namespace that it had during the call.
func (n *Node) latest(ctx context.Context, change func() error) error {
	err := change()
	if err == nil || n.isAlone() || !refused(err) || ctx.Err() != nil {
		return err
	}
	if err := n.journal.Barrier(ctx); err != nil {
		return journalError(ctx, err)
	}
	return change()
}

// refused reports whether err may come from what a replica says. What may have been done is not: a second try would be refused
// because of the first.
func refused(err error) bool {
	if errors.Is(err, ErrUnknownOutcome) {
		return false
	}
	for _, r := range []error{
		errThere, ErrNotExist, ErrExist, ErrPermission, ErrNotDir, ErrIsDir, ErrNotEmpty, ErrReadOnly, ErrIncomplete, ErrCrossMount,
		ErrInvalid, ErrBusy, ErrNotPersisted, ErrPinned, ErrNotMounted,
	} {
		if errors.Is(err, r) {
			return true
		}
	}
	return false
}
