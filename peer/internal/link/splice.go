package link

import (
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

// A block in memory goes to a process of this host without a copy: the Unix socket takes the pages that it lies in, and the other side copies
// straight out of them (splice). Until it has, the bytes must stay as they are. What it has not read the system tells.

// spliceBytes are worth that; less is copied as quickly.
const spliceBytes = 256 << 10

// How long after a block was sent the connection is asked what has been read of it, if no further one goes over it: less often
// while nothing is.
const (
	firstLook = 2 * time.Millisecond
	lastLook  = 100 * time.Millisecond
)

// spliced is what the socket of a connection has by reference. Its buffer bounds that.
type spliced struct {
	e    *Endpoint
	conn *net.UnixConn
	fail func(error) // ends the connection

	mu struct {
		sync.Mutex
		sent  int64 // bytes of all kinds
		held  []unread
		looks *time.Timer   // nil until something is held
		next  time.Duration // how long that runs; 0: it does not
		freed bool          // something was, since it was set
		ended bool
	}
}

// unread are bytes that stay as they are until the other side has read as far as end.
type unread struct {
	bytes   []byte
	end     int64
	sent    time.Time
	release func()
}

// errUnread ends a connection whose other end does not read.
var errUnread = errors.New("what was sent is not read")

// splices returns what blocks go over conn by, which fail ends; nil: they are copied.
func (e *Endpoint) splices(conn net.Conn, fail func(error)) *spliced {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return nil
	}
	if _, err := unreadBytes(u); err != nil { // a sandbox may refuse to tell
		return nil
	}
	return &spliced{e: e, conn: u, fail: fail}
}

// send writes b, or as much of it as the system takes by reference; hold follows. One sends at a time: free is called before.
func (s *spliced) send(b []byte) (n int, err error) {
	p := s.e.pipes.get()
	if p == nil {
		return 0, nil
	}
	n, err = p.send(s.conn, b)
	s.e.pipes.put(p)
	s.sent(n)
	return n, err
}

// sent counts what was written, also by others: when as much as there may be in the socket has followed a block, that has been read.
func (s *spliced) sent(n int) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.sent += int64(n)
}

// hold keeps b, which was sent, as it is until it is read or the connection has ended, and then calls release, which may be nil.
func (s *spliced) hold(b []byte, release func()) {
	if !s.keep(b, release) && release != nil {
		release()
	}
}

func (s *spliced) keep(b []byte, release func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.ended {
		return false
	}
	s.mu.held = append(s.mu.held, unread{b, s.mu.sent, time.Now(), release})
	if s.mu.next == 0 {
		s.lookLocked(firstLook)
	}
	return true
}

func (s *spliced) lookLocked(after time.Duration) {
	s.mu.next, s.mu.freed = after, false
	if s.mu.looks == nil {
		s.mu.looks = time.AfterFunc(after, func() { s.e.spawn(s.look) })
		return
	}
	s.mu.looks.Reset(after)
}

// look frees what has been read when nothing was sent for a while, and ends the connection if nothing is for too long.
func (s *spliced) look() {
	s.free()
	if s.lookAgain() {
		s.fail(errUnread)
	}
}

func (s *spliced) lookAgain() (stalls bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.mu.ended || len(s.mu.held) == 0:
		s.mu.next = 0
	case time.Since(s.mu.held[0].sent) > s.e.cfg.StallTime:
		return true
	case s.mu.freed:
		s.lookLocked(firstLook)
	default:
		s.lookLocked(min(2*s.mu.next, lastLook))
	}
	return false
}

// free lets go of what has been read. Who calls it has not the turn to write: a release may wait for one who waits for that.
func (s *spliced) free() { release(s.read()) }

func release(held []unread) {
	for _, h := range held {
		if h.release != nil {
			h.release()
		}
	}
}

// read takes what has been read off the list.
func (s *spliced) read() []unread {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.held) == 0 {
		return nil
	}
	there, err := unreadBytes(s.conn)
	if err != nil {
		return nil // it is closed, and end follows
	}
	n := 0
	for n < len(s.mu.held) && s.mu.held[n].end <= s.mu.sent-there {
		n++
	}
	done := slices.Clone(s.mu.held[:n])
	s.mu.held = slices.Delete(s.mu.held, 0, n)
	s.mu.freed = s.mu.freed || n > 0
	return done
}

// end lets go of all: the connection has ended, and nothing is sent any more. Who reads on there finds bytes that do not match
// their sums, if they have changed since.
func (s *spliced) end() {
	if s != nil {
		release(s.takeAll())
	}
}

func (s *spliced) takeAll() []unread {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.ended = true
	if s.mu.looks != nil {
		s.mu.looks.Stop()
	}
	all := s.mu.held
	s.mu.held = nil
	return all
}

// pipes are what pages go through on their way into a socket. They are empty but for a moment, so that a few serve all connections: a user
// who is not root may have 64 of a frame's size in all of his processes, and beyond that gets small ones for everything.
type pipes struct {
	mu struct {
		sync.Mutex
		spare  []*pipe
		used   int
		failed time.Time // when there was none to be had
		closed bool
		none   bool // the system takes no memory through them
	}
}

const (
	mostPipes = 4 // used at a time; bytes of others are copied
	mostSpare = 2
	pipeAgain = time.Second // after there was none
)

// get is nil if there is none to be had; put follows else.
func (p *pipes) get() *pipe {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed || p.mu.none || p.mu.used >= mostPipes {
		return nil
	}
	one := p.oneLocked()
	if one != nil {
		p.mu.used++
	}
	return one
}

func (p *pipes) oneLocked() *pipe {
	if n := len(p.mu.spare); n > 0 {
		one := p.mu.spare[n-1]
		p.mu.spare = p.mu.spare[:n-1]
		return one
	}
	if time.Since(p.mu.failed) < pipeAgain {
		return nil
	}
	one := newPipe()
	if one == nil {
		p.mu.failed = time.Now()
	}
	return one
}

// put takes one back, unless pages are left in it.
func (p *pipes) put(one *pipe) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.used--
	p.mu.none = p.mu.none || one.useless
	if one.useless || one.inside > 0 || p.mu.closed || len(p.mu.spare) >= mostSpare {
		one.close()
		return
	}
	p.mu.spare = append(p.mu.spare, one)
}

func (p *pipes) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.closed = true
	for _, one := range p.mu.spare {
		one.close()
	}
	p.mu.spare = nil
}
