package link

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/millpond/millpond/internal/piece"
)

// client is a frame connection that this node dialled, and makes its requests over. Requests are written by who makes
// them; one goroutine reads what comes back, or who made the only request that is under way.
type client struct {
	e      *Endpoint
	peer   Peer
	conn   net.Conn
	src    source
	frame  arriving     // of a block's bytes, that is being read; who has the turn has it
	hasher piece.Hasher // of the piece that is being read
	out    *sink
	pool   *pool
	credit credit
	dead   chan struct{} // closed when the connection has failed

	flush func() // out.end, made once

	lastID uint64 // the sink's order guards it: ids rise on the wire

	wake    chan struct{} // to the parked reader goroutine: the turn is its own
	drained time.Time     // when the reader goroutine found no request left; its own

	mu struct {
		sync.Mutex
		requests map[uint64]*request // until their last frame
		inside   *request            // who reads writes to its dst
		sent     int                 // bytes of requests that are not answered yet, about
		err      error               // why the connection failed

		turn      turn     // whose src is
		own       *request // whose maker reads
		recent    bool     // somebody has, since the reader goroutine looked
		calledOff bool     // own's maker is to leave: his context has ended, or his bytes came changed
	}
	load load // guarded by the pool's mu
	idle *time.Timer
}

func newClient(e *Endpoint, p *pool, a *admitted) *client {
	c := &client{e: e, peer: a.peer, conn: a.conn, pool: p, credit: a.credit, dead: make(chan struct{}), wake: make(chan struct{}, 1)}
	c.src.conn = a.conn
	c.out = newSink(a.conn, e.cfg.StallTime, c.fail)
	c.flush = c.out.end
	c.mu.requests = map[uint64]*request{}
	c.load.used = time.Now()
	return c
}

// run reads until the connection ends.
func (c *client) run() {
	c.e.cfg.Events.connects(ConnectInfo{ID: c.peer.ID, Addr: c.peer.Addr, Dialled: true, Unix: isUnix(c.src.conn)})
	var err error
	for err == nil {
		if err = c.step(); err == nil {
			c.lull()
		}
	}
	c.fail(err)
	c.e.cfg.Events.connects(ConnectInfo{ID: c.peer.ID, Addr: c.peer.Addr, Dialled: true, Unix: isUnix(c.src.conn), End: true, Err: c.ended()})
}

// ended is what to say of the connection's end.
func (c *client) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(c.mu.err, ErrClosed) || errors.Is(c.mu.err, errIdle) {
		return nil
	}
	return c.mu.err
}

// fail ends all requests; the first reason counts.
func (c *client) fail(err error) {
	c.pool.remove(c) // before those whose requests end ask once more
	if !c.die(err) {
		return
	}
	c.conn.Close()
	if bad, ok := errors.AsType[*FrameError](err); ok {
		c.e.stats.broken.Add(1)
		c.e.cfg.Events.broken(BrokenInfo{ID: c.peer.ID, Addr: c.peer.Addr, Err: bad})
	}
}

// die is fail without its consequences outside; it is false if c had failed before.
func (c *client) die(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.err != nil {
		return false
	}
	c.mu.err = err
	close(c.dead)
	for id, q := range c.mu.requests {
		delete(c.mu.requests, id)
		if q != c.mu.inside { // leave ends that one
			q.finish(outcome{err: c.lost(q, err)})
		}
	}
	return true
}

// lost is what a request ends with that was written, or nearly, when the connection failed.
func (c *client) lost(q *request, err error) error {
	kind := ErrUnknownOutcome
	if q.read != nil {
		kind = ErrUnreachable
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the connection was closed")
	}
	return &lostError{kind, c.peer.ID, err}
}

// start gives q its id; the caller holds the order of frames, and q's is next.
func (c *client) start(q *request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.err != nil {
		return &lostError{ErrUnreachable, c.peer.ID, c.mu.err}
	}
	if q.over {
		return q.err
	}
	q.others = len(c.mu.requests) > 0
	c.lastID++
	q.id = c.lastID
	c.mu.requests[q.id] = q
	c.mu.sent += q.frameSize()
	return nil
}

// buffered is what the buffers of both ends take of a connection whose other end does not read: the least that systems have.
const buffered = 64 << 10

// fits reports whether all that is unanswered does, so that a write does not wait for the other side.
func (c *client) fits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.sent <= buffered
}

// await waits for q's end, and takes q back when ctx ends first.
func (c *client) await(ctx context.Context, q *request) error {
	c.readOwn(ctx, q)
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return c.abandon(q, context.Cause(ctx))
	}
}

// abandon ends q with err. When it returns, nothing writes to q's dst, nor calls arrived.
func (c *client) abandon(q *request, err error) error {
	c.mu.Lock()
	if q.over {
		c.mu.Unlock()
		return q.err
	}
	if q.read == nil && q.id != 0 {
		err = &lostError{ErrUnknownOutcome, c.peer.ID, err}
	}
	q.finish(outcome{err: err})
	var outside chan struct{}
	if c.mu.inside == q {
		outside = make(chan struct{})
		q.outside = outside
		c.conn.SetReadDeadline(past)
	}
	written := q.id != 0 && c.mu.err == nil
	c.mu.Unlock()
	if outside != nil {
		<-outside
	}
	if written {
		c.e.spawn(func() { c.cancel(q.id) })
	}
	return err
}

// past is a deadline that interrupts a read.
var past = time.Unix(1, 0)

// cancel tells the server. It is in a goroutine of its own: the connection may be full.
func (c *client) cancel(id uint64) {
	if c.out.post(func(b []byte) ([]byte, bool) { return appendCancel(b, id), false }) {
		return
	}
	if c.out.begin(context.Background(), c.dead) == nil {
		defer c.out.end()
		c.out.write(c.out.head(func(b []byte) []byte { return appendCancel(b, id) }))
	}
}

// find returns the request that a frame is for; it stays on the table, so that fail ends it if the frame is bad.
func (c *client) find(id uint64, kinds ...kind) (*request, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.mu.requests[id]
	if q == nil || !slices.Contains(kinds, q.kind()) {
		return nil, badFrame("an answer to request %d, which was not made", id)
	}
	return q, nil
}

// end takes a request off the table: its last frame has come.
func (c *client) end(q *request, o outcome) {
	c.pool.release(c, q)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.mu.requests, q.id)
	c.mu.sent -= q.frameSize()
	q.finish(o)
}
