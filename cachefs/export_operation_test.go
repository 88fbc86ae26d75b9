package cachefs

import (
	"context"
	"time"

	"github.com/millpond/millpond/journal"
)

// OpParts is how often a deciding command may be proposed under one name.
const OpParts = opParts

// WithOperation names the change that is made under the context as a Client names it.
func WithOperation(ctx context.Context, op journal.OpID) context.Context {
	return withOperation(ctx, op)
}

// Repeated is what a Client hears that asks n again for an operation.
func Repeated(ctx context.Context, n *Node, op journal.OpID) (done bool, err error) {
	return n.repeated(ctx, []journal.OpID{op})
}

// AskAgain asks n, as a Client, for a change of attributes that others were asked for as tried.
func AskAgain(ctx context.Context, n *Node, path string, o AttrOptions, tried ...journal.OpID) error {
	req := clientRequest[pathArgs[AttrOptions]]{
		Op: journal.NewSession(time.Now).Next(), Tried: tried, Args: pathArgs[AttrOptions]{[]byte(path), o},
	}
	raw, err := encodeWire(&req)
	if err != nil {
		return err
	}
	if raw, err = n.serveClient(ctx, "client.setattr", raw); err != nil {
		return err
	}
	var got clientReply[none]
	if err := decodeWire(raw, &got); err != nil {
		return err
	}
	return got.Err.error()
}

// Tried is what the next attempt tells a node to find out, after attempts that no node answered.
func Tried(errs ...error) (tried []journal.OpID, unacknowledged int) {
	s := journal.NewSession(time.Now)
	a := attempts{c: &Client{session: s}}
	for _, err := range errs {
		a.next()
		a.answered(&elsewhere{err})
	}
	return a.tried, s.Open()
}
