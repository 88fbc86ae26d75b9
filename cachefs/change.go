package cachefs

import (
	"context"
	"errors"

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
			if a.More {
				n.leftovers.kick()
			}
			return a, err
		}
		if err := n.intentGone(ctx, held.ID); err != nil {
			return a, err
		}
	}
}

func (n *Node) proposeOnce(ctx context.Context, c command) (namespace.Answer, error) {
	op := n.session.Next()
	raw, _, err := n.journal.Propose(ctx, op, c.Append(nil))
	n.session.Done(op)
	if errors.Is(err, journal.ErrClosed) {
		err = ErrClosed
	}
	if err != nil {
		return namespace.Answer{}, err
	}
	a, err := namespace.DecodeAnswer(raw)
	if err != nil {
		return a, err
	}
	return a, a.Err
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

// expireLeases removes the incomplete files that earlier runs left.
func (n *Node) expireLeases(ctx context.Context) error {
	_, err := n.propose(ctx, &namespace.ExpireLeases{Lease: n.lease, Except: true})
	return err
}
