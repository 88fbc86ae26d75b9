package cachefs

import (
	"context"
	"time"

	"github.com/millpond/millpond/journal"
)

// WithOperation names the change that is made under the context as a Client names it.
func WithOperation(ctx context.Context, op journal.OpID) context.Context {
	return withOperation(ctx, op)
}

// Repeated is what a Client hears that asks n again for an operation.
func Repeated(ctx context.Context, n *Node, op journal.OpID) (done bool, err error) {
	return n.repeated(ctx, []journal.OpID{op})
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
