package link

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// A lane is the connections to one node for one kind of requests: small ones do not wait behind large ones, and calls,
// which ask what became of the others as well, do not wait for room that those have taken while they wait for a store.
type lane int

const (
	laneCalls lane = iota
	laneLong       // calls that may wait for a store
	laneReads      // small ones
	laneBulk       // large ones of all
	lanes
)

const (
	smallBytes = 128 << 10   // beyond, a request takes the bulk lane
	growBytes  = 1 << 20     // so much on its way over each connection of the bulk lane: one more is dialled
	growAgain  = time.Second // after one more was not to be had: what is there has to do meanwhile
)

// maxConns are the connections of a lane. Small requests are pipelined: more than one connection is for more of them than
// the credit is, as when a slow store is waited for, by reads and by calls that have a node list or copy. One stream fills a local
// network; several share more fairly, and lose less, on a long or lossy one. A server lets 32 in.
var maxConns = [lanes]int{laneCalls: 4, laneLong: 8, laneReads: 8, laneBulk: 4}

// errIdle ends a connection that nobody uses.
var errIdle = errors.New("idle")

// pool is the frame connections to one node.
type pool struct {
	e  *Endpoint
	id string
	mu struct {
		sync.Mutex
		lanes   [lanes]connections
		changed chan struct{} // closed when room may have come; made by who waits for it
		closed  error
	}
}

type connections struct {
	list    []*client
	dialing *attempt  // nil: none is under way
	failed  time.Time // when the last one did
}

// attempt is a dial that all who want a connection wait for.
type attempt struct {
	done chan struct{}
	err  error
}

// acquire returns a connection with room for q, and counts q there.
func (p *pool) acquire(ctx context.Context, l lane, q *request) (*client, error) {
	var last *attempt
	for {
		c, wait, changed, err := p.tryAcquire(l, q, last)
		if c != nil || err != nil {
			return c, err
		}
		var dialled chan struct{}
		if last = wait; wait != nil {
			dialled = wait.done
		}
		select {
		case <-dialled:
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// tryAcquire returns a connection, or what to wait for. last is the attempt that the caller has waited for.
func (p *pool) tryAcquire(l lane, q *request, last *attempt) (*client, *attempt, chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed != nil {
		return nil, nil, nil, p.mu.closed
	}
	lane := &p.mu.lanes[l]
	c := lane.best(q)
	if len(lane.list) == 0 && last != nil && closed(last.done) && last.err != nil {
		return nil, nil, nil, last.err
	}
	if (c == nil || l == laneBulk && c.load.bytes > growBytes) && lane.mayGrow(maxConns[l]) {
		p.dialLocked(l)
	}
	if c != nil {
		c.load.add(q)
		return c, nil, nil, nil
	}
	if p.mu.changed == nil {
		p.mu.changed = make(chan struct{})
	}
	return nil, lane.dialing, p.mu.changed, nil
}

// mayGrow reports whether one more connection may be dialled.
func (l *connections) mayGrow(most int) bool {
	return l.dialing == nil && (len(l.list) == 0 || len(l.list) < most && time.Since(l.failed) >= growAgain)
}

// best is the connection with the least on its way among those with room.
func (l *connections) best(q *request) (best *client) {
	for _, c := range l.list {
		if c.room(q) && (best == nil || c.load.bytes < best.load.bytes) {
			best = c
		}
	}
	return best
}

// dialLocked begins an attempt.
func (p *pool) dialLocked(l lane) {
	a := &attempt{done: make(chan struct{})}
	if !p.e.spawn(func() { p.dial(l, a) }) {
		return
	}
	p.mu.lanes[l].dialing = a
}

func (p *pool) dial(l lane, a *attempt) {
	ctx, cancel := context.WithTimeout(p.e.ctx, p.e.cfg.DialTime)
	adm, err := p.e.dial(ctx, p.id, protoFrames, "")
	cancel()
	p.mu.Lock()
	lane := &p.mu.lanes[l]
	lane.dialing = nil
	if err == nil {
		err = p.mu.closed
	}
	var c *client
	if err == nil {
		c = newClient(p.e, p, adm)
		lane.list = append(lane.list, c)
		c.idle = time.AfterFunc(p.e.cfg.IdleTime, func() { p.closeIdle(c) })
	} else {
		lane.failed = time.Now()
		if adm != nil {
			adm.conn.Close()
		}
	}
	a.err = err
	close(a.done)
	p.wakeLocked()
	p.mu.Unlock()
	if c != nil {
		c.run()
	}
}

func (p *pool) wakeLocked() {
	if p.mu.changed != nil {
		close(p.mu.changed)
		p.mu.changed = nil
	}
}

// release gives back what q took of c.
func (p *pool) release(c *client, q *request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.load.sub(q)
	p.wakeLocked()
}

// remove forgets a connection that has ended.
func (p *pool) remove(c *client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.removeLocked(c)
	p.wakeLocked()
}

func (p *pool) removeLocked(c *client) {
	c.idle.Stop()
	for i := range p.mu.lanes {
		l := &p.mu.lanes[i]
		l.list = slices.DeleteFunc(l.list, func(o *client) bool { return o == c })
	}
}

// closeIdle is the timer's: it closes c, or looks again later.
func (p *pool) closeIdle(c *client) {
	p.mu.Lock()
	if closed(c.dead) { // it failed just now
		p.mu.Unlock()
		return
	}
	left := p.e.cfg.IdleTime - time.Since(c.load.used)
	if c.load.requests > 0 {
		left = p.e.cfg.IdleTime
	}
	if left > 0 {
		c.idle.Reset(left)
		p.mu.Unlock()
		return
	}
	p.removeLocked(c)
	p.mu.Unlock()
	c.fail(errIdle)
}

// close ends all connections; requests that come later end with err, those under way as their connection's.
func (p *pool) close(err error) {
	p.mu.Lock()
	p.mu.closed = err
	var all []*client
	for i := range p.mu.lanes {
		all = append(all, p.mu.lanes[i].list...)
	}
	p.wakeLocked()
	p.mu.Unlock()
	for _, c := range all {
		c.fail(err)
	}
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
