package cachefs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/journal"
)

// What a Client asks a node for begins with this: calls, and streams for what takes long.
const clientMethod = "client."

// clientRequest is what a Client says each time.
type clientRequest[A any] struct {
	History string          // of the journal of the newest answer that it had
	Seen    uint64          // index of that: a node that is behind waits
	User    *namespace.User // on whose behalf; nil: its own
	Op      journal.OpID    // of a change
	Tried   []journal.OpID  // the same change, asked of others without an answer
	Left    time.Duration   // until its deadline; 0: none. Of streams: calls have theirs
	Args    A
}

// clientReply is what it hears.
type clientReply[A any] struct {
	History string // of the node's journal
	Index   uint64 // of the replica, when the answer was ready
	Answer  A
	Err     *wireError
}

// replyTo is what a Client hears of an answer, or of an error.
func replyTo[A any](n *Node, answer A, err error) *clientReply[A] {
	return &clientReply[A]{History: n.history(), Index: n.tree.Index(), Answer: answer, Err: errorToWire(err)}
}

// clientCall answers one kind of call.
type clientCall func(ctx context.Context, n *Node, raw []byte) ([]byte, error)

// answered makes a clientCall of what a node does.
func answered[A, R any](do func(ctx context.Context, n *Node, a A) (R, error)) clientCall {
	return func(ctx context.Context, n *Node, raw []byte) ([]byte, error) {
		var req clientRequest[A]
		if err := decodeWire(raw, &req); err != nil {
			return nil, err
		}
		var answer R
		ctx, done, err := n.admitClient(ctx, n.within(req.History, req.Seen), req.User, req.Op, req.Tried)
		if err == nil && (!done || owes(req.Args)) {
			answer, err = do(ctx, n, req.Args)
		}
		return encodeWire(replyTo(n, answer, err))
	}
}

// owes reports whether a change that was made may not have come to its end: what is below a directory follows in steps. It is made
// again then; that does no harm.
func owes(args any) bool {
	a, ok := args.(pathArgs[AttrOptions])
	return ok && a.Opts.Recursive
}

// changed makes a clientCall of what a node does that has no answer but an error.
func changed[A any](do func(ctx context.Context, n *Node, a A) error) clientCall {
	return answered(func(ctx context.Context, n *Node, a A) (none, error) {
		ctx, end, err := n.whileLed(ctx)
		if err != nil {
			return none{}, err
		}
		defer end()
		return none{}, do(ctx, n, a)
	})
}

// admitClient begins a Client's request: the node has caught up with what the Client has seen. done: the change was made
// when the Client asked before.
func (n *Node) admitClient(ctx context.Context, seen uint64, u *namespace.User, op journal.OpID, tried []journal.OpID) (_ context.Context, done bool, err error) {
	if err := n.ready(ctx); err != nil {
		return ctx, false, err
	}
	if u != nil {
		ctx = context.WithValue(ctx, userKey{}, u)
	}
	if err := n.catchUp(ctx, seen); err != nil {
		return ctx, false, err
	}
	done, err = n.repeatedLed(ctx, tried)
	return withOperation(ctx, op), done, err
}

// repeatedLed is repeated at a node that may be cut off.
func (n *Node) repeatedLed(ctx context.Context, tried []journal.OpID) (done bool, err error) {
	if len(tried) == 0 {
		return false, nil
	}
	ctx, end, err := n.whileLed(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	return n.repeated(ctx, tried)
}

// errBehind says that the node's replica is older than what the Client has seen.
var errBehind = errors.New("the node is behind what the client has seen")

// behindTime is how long a Client waits at a node that is behind before it looks for another: they are mostly some milliseconds
// apart, and a node that was cut off does not catch up.
const behindTime = time.Second

// catchUp returns when the replica has applied an index.
func (n *Node) catchUp(ctx context.Context, seen uint64) error {
	if n.tree.Index() >= seen {
		return nil
	}
	soon, cancel := context.WithTimeout(ctx, behindTime)
	defer cancel()
	err := n.awaitIndex(soon, seen)
	if err != nil && soon.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: at change %d of %d", errBehind, n.tree.Index(), seen)
	}
	return err
}

// serveClient answers a Client's call.
func (n *Node) serveClient(ctx context.Context, method string, req []byte) ([]byte, error) {
	call := clientCalls[method]
	if call == nil {
		return nil, fmt.Errorf("%w: no call %q", ErrUnsupported, method)
	}
	return call(ctx, n, req)
}
