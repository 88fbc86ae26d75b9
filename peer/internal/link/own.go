package link

import (
	"context"
	"errors"
	"os"
	"time"
)

// While requests follow each other over a connection one at a time, each is read by who made it, and the reader goroutine is
// parked: to wake it, so that it wakes him, takes about as long as the answer does. It goes on when several are under way, when an
// answer is long, and when none has come for a while, so that the end of an idle connection is noticed.

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
	c.pass(c.readFor(q))
}

func (c *client) take(q *request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case q.over || c.mu.turn != nobodys:
		return false
	case len(c.mu.requests) > 1 || q.read != nil && q.read.Length > int64(len(c.src.buf)-headLen-maxName):
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

// readFor reads frames of q that fit into the source's buffer, until q is over, a frame comes that is none of them, or its
// maker's context ends. Whatever it leaves in the buffer begins with a frame.
func (c *client) readFor(q *request) error {
	for !closed(q.done) {
		id, calledOff := c.reading(q)
		whole, more := c.src.holds(id)
		if !whole && !more {
			return nil
		}
		if whole {
			if err := c.step(); err != nil {
				return err
			}
			continue
		}
		if calledOff {
			return nil
		}
		if err := c.src.fill(); errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// callOff interrupts the reading of who made q.
func (c *client) callOff(q *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.own == q {
		c.mu.calledOff = true
		c.conn.SetReadDeadline(past)
	}
}

// reading is the id of what is read for, 0 until a goroutine has begun its frame, and whether its maker's context has ended.
func (c *client) reading(q *request) (id uint64, calledOff bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return q.id, c.mu.calledOff
}

// pass gives the turn on after a request's reading, which may have failed.
func (c *client) pass(err error) {
	if err != nil {
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
