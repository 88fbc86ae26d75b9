package cachefs

import (
	"context"
	"errors"
	"fmt"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/journal"
)

// command is a change to the namespace.
type command interface {
	Append(b []byte) []byte
}

// propose makes a change, once, and returns its answer when it is durable and applied here. A change that an intent
// holds up waits for its end, within ctx.
func (n *Node) propose(ctx context.Context, c command) (namespace.Answer, error) {
	for {
		a, err := n.proposeOnce(ctx, c)
		held, ok := errors.AsType[*namespace.IntentError](err)
		if !ok {
			return a, err
		}
		if err := n.intentGone(ctx, held.ID); err != nil {
			return a, err
		}
	}
}

func (n *Node) proposeOnce(ctx context.Context, c command) (namespace.Answer, error) {
	op, err := n.opFor(ctx, c)
	if err != nil {
		return namespace.Answer{}, err
	}
	a, err := n.proposeAs(ctx, op, c)
	if undo := n.undoing(c); undo != nil && errors.Is(err, ErrUnknownOutcome) && ctx.Err() != nil {
		n.revert(op, c, undo)
	} else {
		n.session.Done(op)
	}
	return a, err
}

// undoing is what takes back a change that somebody must go on with: an intent, or every later change of its paths would wait for it; a
// file that is to be written, or its name would be taken. nil of others.
func (n *Node) undoing(c command) func(ctx context.Context, a namespace.Answer) error {
	switch c.(type) {
	case *namespace.BeginBy:
		return func(ctx context.Context, a namespace.Answer) error { return n.end(ctx, a.IntentID, false, outcome{}) }
	case *namespace.CreateFile:
		return func(ctx context.Context, a namespace.Answer) error {
			_, err := n.propose(ctx, &namespace.AbandonFile{Ino: a.Ino, Lease: n.lease})
			return err
		}
	}
	return nil
}

// revert takes back what a caller has begun who left before he was told whether it has.
func (n *Node) revert(op journal.OpID, c command, undo func(ctx context.Context, a namespace.Answer) error) {
	began := n.spawn(func(ctx context.Context) {
		defer n.session.Done(op)
		a, err := n.proposeAs(ctx, op, c)
		if err == nil {
			err = undo(ctx, a)
		}
		if _, held := errors.AsType[*namespace.IntentError](err); err != nil && !held && ctx.Err() == nil {
			n.log.Debug("a change that was given up did not begin", "err", err)
		}
	})
	if !began {
		n.session.Done(op)
	}
}

func (n *Node) proposeAs(ctx context.Context, op journal.OpID, c command) (namespace.Answer, error) {
	raw, _, err := n.journal.Propose(ctx, op, c.Append(nil))
	if err != nil {
		return namespace.Answer{}, journalError(ctx, err)
	}
	a, err := namespace.DecodeAnswer(raw)
	if err != nil {
		return a, err
	}
	return a, a.Err
}

// journalError is how a caller hears of a journal that did not do what it was asked for.
func journalError(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, journal.ErrUnknownOutcome) && ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, context.Cause(ctx))
	case errors.Is(err, journal.ErrUnknownOutcome) && errors.Is(err, journal.ErrClosed):
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, ErrClosed)
	case errors.Is(err, journal.ErrClosed):
		return ErrClosed
	case errors.Is(err, journal.ErrNoPrimary) && ctx.Err() != nil: // both: why it waited, and why no longer
		return fmt.Errorf("%w: %w", ErrNoPrimary, context.Cause(ctx))
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// barrier returns when the replica has every change that any node made before the call.
func (n *Node) barrier(ctx context.Context) error {
	if err := n.ready(ctx); err != nil {
		return err
	}
	return journalError(ctx, n.journal.Barrier(ctx))
}

// change prepares a change to paths and makes it: what the stores were seen to have there goes into the replica first.
func (n *Node) change(ctx context.Context, c command) (namespace.Answer, error) {
	if err := n.overlay.flush(ctx); err != nil {
		return namespace.Answer{}, err
	}
	return n.propose(ctx, c)
}

// retryStale makes a change to the inode that path has in the replica; again, if another has the name by then.
func (n *Node) retryStale(ctx context.Context, path string, change func(in *namespace.Inode) error) error {
	for {
		in, err := n.known(ctx, path)
		switch {
		case err != nil:
			return err
		case in == nil:
			return ErrNotExist
		}
		if in.Ino == 0 { // it was found in the store just now
			if err := n.overlay.flush(ctx); err != nil {
				return err
			}
			now, err := n.tree.Stat(path, nil)
			if err != nil {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				continue
			}
			in = &now
		}
		if err := change(in); !errors.Is(err, namespace.ErrStale) {
			return err
		}
	}
}
