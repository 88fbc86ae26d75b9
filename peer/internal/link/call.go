package link

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/cespare/xxhash/v2"
)

// directBytes is what who makes a request writes itself. Longer ones are written by a goroutine.
const directBytes = 1 << 10

// Call asks node to for an answer. ctx's deadline travels. It returns ErrUnreachable (it was surely not delivered), ErrUnknownOutcome
// (it may have been; joined with ctx's error where that ended the wait), ErrTooLarge, a *RemoteError, or ctx's error (not delivered, or the node gave up).
func (e *Endpoint) Call(ctx context.Context, to, method string, req []byte) ([]byte, error) {
	return e.callIn(ctx, laneCalls, to, method, req)
}

// CallLong is Call for what may take as long as a store does: however many of them wait at the node, Call has a place.
func (e *Endpoint) CallLong(ctx context.Context, to, method string, req []byte) ([]byte, error) {
	return e.callIn(ctx, laneLong, to, method, req)
}

func (e *Endpoint) callIn(ctx context.Context, l lane, to, method string, req []byte) ([]byte, error) {
	if len(req) > MaxCall || len(method) > maxName {
		return nil, fmt.Errorf("call %s of %d bytes: %w: want at most %d", method, len(req), ErrTooLarge, MaxCall)
	}
	e.stats.calls.Add(1)
	if len(req) > smallBytes {
		l = laneBulk
	}
	q := &request{call: len(req), done: make(chan struct{})}
	c, err := e.acquire(ctx, to, l, q)
	if err != nil {
		return nil, err
	}
	if err := c.sendCall(ctx, q, method, req); err != nil {
		return nil, err
	}
	if err := c.await(ctx, q); err != nil {
		return nil, err
	}
	return q.answer, nil
}

// sendCall writes a call, or lets a copy be written.
func (c *client) sendCall(ctx context.Context, q *request, method string, req []byte) error {
	m := callMeta{timeout: timeLeft(ctx), sum: xxhash.Sum64(req), method: method}
	if len(req) <= directBytes {
		return c.send(ctx, q, func(b []byte) []byte { return append(appendCall(b, q.id, m, len(req)), req...) })
	}
	req = append([]byte(nil), req...)
	if !c.e.spawn(func() { c.sendLarge(ctx, q, m, req) }) {
		return ErrClosed
	}
	return nil
}

// send writes a request of one small frame. An error has ended q, too.
func (c *client) send(ctx context.Context, q *request, frame func(b []byte) []byte) error {
	var refused error
	encode := func(b []byte) ([]byte, bool) {
		if refused = c.start(q); refused != nil {
			return b, false
		}
		return frame(b), q.others
	}
	others, posted, mine := c.out.enqueue(encode)
	switch {
	case mine:
		c.write(others, c.flush)
	case !posted:
		if err := c.out.begin(ctx, c.dead); err != nil {
			return c.unsent(q, err)
		}
		head := c.out.head(func(b []byte) []byte { b, others = encode(b); return b })
		c.write(others, func() { c.out.write(head); c.out.end() })
	}
	if refused != nil {
		return c.unsent(q, refused)
	}
	return nil
}

// write lets f write, which has the turn: here, while what is unanswered fits into the connection's buffers; else in a
// goroutine, since the other side may not read any more, and the caller's context is no reason to break the connection off.
func (c *client) write(others bool, f func()) {
	switch {
	case !c.fits() && c.e.spawn(f):
		return
	case others:
		runtime.Gosched()
	}
	f()
}

// sendLarge writes a call whose request is too large to be posted.
func (c *client) sendLarge(ctx context.Context, q *request, m callMeta, req []byte) {
	if err := c.out.begin(ctx, c.dead); err != nil {
		c.unsent(q, err)
		return
	}
	defer c.out.end()
	var refused error
	head := c.out.head(func(b []byte) []byte {
		if refused = c.start(q); refused != nil {
			return b
		}
		return appendCall(b, q.id, m, len(req))
	})
	if refused != nil {
		c.out.write(head)
		c.unsent(q, refused)
		return
	}
	c.out.write(head, req)
}

// unsent ends a request that was not written.
func (c *client) unsent(q *request, err error) error {
	c.pool.release(c, q)
	c.mu.Lock()
	defer c.mu.Unlock()
	if closed(c.dead) && !errors.Is(err, ErrUnreachable) {
		err = &lostError{ErrUnreachable, c.peer.ID, c.mu.err}
	}
	q.finish(outcome{err: err})
	return q.err
}

// acquire finds a connection to node id for q.
func (e *Endpoint) acquire(ctx context.Context, id string, l lane, q *request) (*client, error) {
	p, err := e.pool(id)
	if err != nil {
		return nil, err
	}
	return p.acquire(ctx, l, q)
}
