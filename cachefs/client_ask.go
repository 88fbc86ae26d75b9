package cachefs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/peer"
)

// elsewhere is that a node did not do what it was asked for, and another may.
type elsewhere struct{ error }

func (e *elsewhere) Unwrap() error { return e.error }

// askPause is between two rounds over all addresses.
const askPause = 100 * time.Millisecond

// anywhere calls do with one address after the other, beginning with the one that answered last, until it returns something
// else than an elsewhere. It goes round while nodes say that they are behind, and for RetryTime while none answers.
func (c *Client) anywhere(ctx context.Context, do func(ctx context.Context, addr string) error) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	began := time.Now()
	for {
		err := c.round(ctx, do)
		if _, again := err.(*elsewhere); !again {
			return err
		}
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case errors.Is(err, errBehind) || errors.Is(err, errUnled):
			began = time.Now() // somebody lives
		case allRefuse(err) || time.Since(began) >= c.cfg.RetryTime:
			return err.(*elsewhere).error
		}
		select {
		case <-time.After(askPause):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// bound is ctx that ends with the Client, too.
func (c *Client) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.ctx, func() { cancel(ErrClosed) })
	return ctx, func() { stop(); cancel(nil) }
}

// round asks each address once: an elsewhere is of all of them.
func (c *Client) round(ctx context.Context, do func(ctx context.Context, addr string) error) error {
	list, err := c.addresses(ctx)
	if len(list) == 0 {
		return &elsewhere{errors.Join(err, peer.ErrUnreachable)}
	}
	var errs []error
	for _, addr := range list {
		err := c.watched(ctx, addr, do)
		e, again := err.(*elsewhere)
		if !again {
			c.answeredBy(addr)
			return err
		}
		errs = append(errs, fmt.Errorf("node at %s: %w", addr, e.error))
		if ctx.Err() != nil {
			break
		}
	}
	c.forgetAddresses()
	return &elsewhere{errors.Join(errs...)}
}

// addresses are where nodes may be, the one that answered last first.
func (c *Client) addresses(ctx context.Context) ([]string, error) {
	c.addrs.Lock()
	list := c.addrs.list
	c.addrs.Unlock()
	if len(list) > 0 {
		return list, nil
	}
	list, err := c.peers.Addresses(ctx)
	c.addrs.Lock()
	defer c.addrs.Unlock()
	c.addrs.list = list
	return list, err
}

// answeredBy has an address be asked first.
func (c *Client) answeredBy(addr string) {
	c.addrs.Lock()
	defer c.addrs.Unlock()
	if i := slices.Index(c.addrs.list, addr); i > 0 {
		c.addrs.list = slices.Concat(c.addrs.list[i:], c.addrs.list[:i])
	}
}

// forgetAddresses has them looked up again.
func (c *Client) forgetAddresses() {
	c.addrs.Lock()
	defer c.addrs.Unlock()
	c.addrs.list = nil
}

// allRefuse reports whether every node that was asked refuses to talk: asking again helps nobody.
func allRefuse(err error) bool {
	e, ok := err.(*elsewhere)
	if !ok {
		return false
	}
	parts, ok := e.error.(interface{ Unwrap() []error })
	if !ok {
		return false
	}
	return !slices.ContainsFunc(parts.Unwrap(), func(err error) bool {
		_, refused := errors.AsType[*peer.RefusedError](err)
		return !refused
	})
}

// request is what a Client says to a node each time.
func request[A any](ctx context.Context, c *Client, args A) *clientRequest[A] {
	u, _ := ctx.Value(userKey{}).(*namespace.User)
	history, seen := c.seen.newest()
	return &clientRequest[A]{History: history, Seen: seen, User: u, Args: args}
}

// query asks any node something that changes nothing.
func query[R, A any](ctx context.Context, c *Client, op string, args A) (answer R, err error) {
	err = c.anywhere(ctx, func(ctx context.Context, addr string) error {
		answer, err = queryAt[R](ctx, c, addr, op, request(ctx, c, args)) // both, of a list that ends with an error
		return err
	})
	return answer, plainly(ctx, err)
}

// plainly is err of what changes nothing as a node would have it: that ctx ended, if it did, and not what noticed it.
func plainly(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// hello asks a node whether it is there. It says so whatever else it is asked for.
const hello = "hello"

// queryAt asks one node.
func queryAt[R, A any](ctx context.Context, c *Client, addr, op string, req *clientRequest[A]) (answer R, err error) {
	raw, err := encodeWire(req)
	if err != nil {
		return answer, err
	}
	call := c.peers.CallLong // most may wait for a store of the node
	if op == hello {
		call = c.peers.Call
	}
	if raw, err = call(ctx, addr, clientMethod+op, raw); err != nil {
		return answer, &elsewhere{err}
	}
	var got clientReply[R]
	if err := decodeWire(raw, &got); err != nil {
		return answer, err
	}
	c.seen.saw(got.History, got.Index)
	return got.Answer, fromNode(got.Err)
}

// fromNode is the error that a node answered: an elsewhere if it cannot serve.
func fromNode(w *wireError) error {
	err := w.error()
	if errors.Is(err, errBehind) || errors.Is(err, errNotOpen) || errors.Is(err, errUnled) || errors.Is(err, ErrClosed) {
		return &elsewhere{err}
	}
	return err
}

// attempts are the operations under which a change was asked for, one for each node that may have made it. Who is asked after a node that did
// not answer finds out first what that has done, so that the change happens once.
type attempts struct {
	c       *Client
	tried   []journal.OpID
	unknown bool // the last one may have been made
}

// next gives a request its operation.
func (a *attempts) next() (op journal.OpID, tried []journal.OpID) {
	op, tried = a.c.session.Next(), a.tried
	a.tried = append(a.tried, op)
	return op, tried
}

// answered takes note of what an attempt ended with.
func (a *attempts) answered(err error) {
	if e, again := err.(*elsewhere); !again {
		a.unknown = false // it has found out
	} else if !notBegun(e) {
		a.unknown = true
	} else { // there is nothing to find out, however often
		last := len(a.tried) - 1
		a.c.session.Done(a.tried[last])
		a.tried = a.tried[:last]
	}
}

// done ends the change: nobody will ask for it again.
func (a *attempts) done() {
	for _, op := range a.tried {
		a.c.session.Done(op)
	}
}

// outcome is how the caller hears of err.
func (a *attempts) outcome(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, ErrUnknownOutcome): // a node says so
		return err
	case a.unknown && ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, context.Cause(ctx))
	case a.unknown:
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	case errors.Is(err, ErrNoPrimary) && ctx.Err() != nil: // both: why it waited, and why no longer
		return fmt.Errorf("%w: %w", ErrNoPrimary, context.Cause(ctx))
	}
	return plainly(ctx, err)
}

// change asks nodes for a change until one has made it.
func change[A any](ctx context.Context, c *Client, op string, args A) error {
	a := attempts{c: c}
	defer a.done()
	err := c.anywhere(ctx, func(ctx context.Context, addr string) error {
		req := request(ctx, c, args)
		req.Op, req.Tried = a.next()
		_, err := queryAt[none](ctx, c, addr, op, req)
		a.answered(err)
		return err
	})
	return a.outcome(ctx, err)
}

// notBegun reports whether a node surely did nothing of what it was asked for.
func notBegun(err error) bool {
	if errors.Is(err, peer.ErrUnknownOutcome) || errors.Is(err, errStreamLost) { // the node was lost, and is unreachable since
		return false
	}
	_, refused := errors.AsType[*peer.RemoteError](err) // before it looked at it
	return refused || errors.Is(err, peer.ErrUnreachable) || errors.Is(err, errBehind) || errors.Is(err, errNotOpen) ||
		errors.Is(err, errUnled) && !errors.Is(err, errLostPrimary)
}
