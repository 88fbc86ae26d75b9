package link

import (
	"context"
	"errors"
	"os"
	"time"
)

// While requests follow each other over a connection one at a time, each is read by who made it, and the reader goroutine is
// parked: to wake it, so that it wakes him, takes about as long as a small answer does, and keeps two processors busy with a large one. It
// goes on when several are under way, when a call's answer is long, and when none has come for a while, so that the end of an idle
// connection is noticed.

// calm is after how long without requests the reader goroutine goes on, and how quickly they have to follow for it to park.
const calm = 20 * time.Millisecond

// turn is whose the connection's source is.
type turn int

const (
	readers  turn = iota // the reader goroutine's
	nobodys              // whose request is next
	requests             // of who made client.mu.own
)

// lull parks the reader goroutine if requests come one at a time.
func (c *client) lull() {
	if !c.mayPark() {
		return
	}
	again := time.NewTimer(calm)
	defer again.Stop()
	dead := c.dead
	for {
		select {
		case <-c.wake:
			return
		case <-dead:
			if c.unpark(true) {
				return
			}
			dead = nil // who reads finds it as well, and wakes this one
		case <-again.C:
			if c.unpark(false) {
				return
			}
			again.Reset(calm)
		}
	}
}

func (c *client) mayPark() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.mu.requests) > 0 || c.src.buffered() > 0 || c.mu.err != nil {
		return false
	}
	now := time.Now()
	quick := now.Sub(c.drained) < calm
	c.drained = now
	if quick {
		c.mu.turn = nobodys
	}
	return quick
}

// unpark takes the turn back for the reader goroutine, if nobody has it, nor, unless at once, has had it of late.
func (c *client) unpark(atOnce bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	recent := c.mu.recent
	c.mu.recent = false
	if c.mu.turn != nobodys || recent && !atOnce {
		return false
	}
	c.mu.turn = readers
	return true
}

// readOwn reads q's answer, if the reader goroutine is parked and nothing else is under way; it may return before that is there.
func (c *client) readOwn(ctx context.Context, q *request) {
	if !c.take(q) {
		return
	}
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, func() { c.callOff(q) })()
	}
	err := errNotRead // if arrived does not return
	defer func() { c.pass(err) }()
	err = c.readFor(q)
}

// errNotRead ends a connection whose reader has gone in the middle.
var errNotRead = errors.New("what came was not read to its end")

func (c *client) take(q *request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case q.over || c.mu.turn != nobodys:
		return false
	case len(c.mu.requests) > 1:
		c.wakeReader()
		return false
	}
	c.mu.turn, c.mu.own, c.mu.recent = requests, q, true
	return true
}

// wakeReader gives the turn to the reader goroutine, which is parked; the caller has mu.
func (c *client) wakeReader() {
	c.mu.turn = readers
	c.wake <- struct{}{} // it has room: the turn is given once, until it is taken
}

// readFor reads frames of q, until q is over, a frame comes that is none of them, or a call's that does not fit into the source's buffer,
// or its maker's context ends. Whatever it leaves begins with a frame, or with the rest of c.frame.
func (c *client) readFor(q *request) error {
	for !closed(q.done) {
		id, calledOff := c.reading(q)
		begun, more := c.src.holds(id)
		var err error
		switch {
		case begun:
			err = c.step()
		case !more || calledOff:
			return nil
		default:
			err = c.src.fill()
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// callOff interrupts the reading of who made q.
func (c *client) callOff(q *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.callOffLocked(q)
}

func (c *client) callOffLocked(q *request) {
	if c.mu.own == q {
		c.mu.calledOff = true
		c.conn.SetReadDeadline(past)
	}
}

// reading is the id of what is read for, 0 until a goroutine has begun its frame, and whether its maker is to leave.
func (c *client) reading(q *request) (id uint64, calledOff bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return q.id, c.mu.calledOff
}

// pass gives the turn on after a request's reading, which may have failed.
func (c *client) pass(err error) {
	if err != nil {
		c.mu.Lock()
		c.mu.inside = nil // he may have gone without leave: nobody else writes to his dst
		c.mu.Unlock()
		c.fail(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.own = nil
	if c.mu.calledOff {
		c.mu.calledOff = false
		c.conn.SetReadDeadline(noDeadline)
	}
	if c.mu.err != nil || len(c.mu.requests) > 0 || c.src.buffered() > 0 {
		c.wakeReader()
		return
	}
	c.mu.turn = nobodys
}
