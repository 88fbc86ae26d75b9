package link

import (
	"cmp"
	"context"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"
)

// sink writes frames to a connection, one writer at a time. Small frames are posted: they are copied, and whoever writes
// takes along what others have posted meanwhile, so that many small requests at a time cost few writes.
type sink struct {
	conn    net.Conn
	sock    socket        // conn, where it is one: it takes several slices and files at once
	tls     *records      // below conn, where it is under TLS
	spliced *spliced      // what conn has by reference; nil: nothing goes so
	turn    chan struct{} // holds one token while nobody writes
	stall   time.Duration
	fail    func(error) // ends the connection: a write has failed, and left a frame that is not whole

	// The following are whose turn it is.
	until  time.Time // conn's write deadline
	vec    [3][]byte
	bufs   net.Buffers
	broken bool

	mu struct {
		sync.Mutex
		posted *[]byte // nil: nothing is
	}
}

// postings has the memory of what was posted: much with many requests under way, and nothing that a quiet connection keeps.
var postings = sync.Pool{New: func() any { return new([]byte) }}

const (
	smallFrame = 16 << 10  // beyond, a copy costs more than a write
	mostPosted = 512 << 10 // waits for a reader that does not read; who comes then waits for the turn
)

func newSink(conn net.Conn, stall time.Duration, fail func(error)) *sink {
	s := &sink{conn: conn, turn: make(chan struct{}, 1), stall: stall, fail: fail}
	s.sock = socketOf(conn)
	s.tls = recordsBelow(conn)
	boundSameHost(conn)
	s.turn <- struct{}{}
	return s
}

// post has frames written that encode appends; it does not wait for that if somebody writes. encode is called at once, with
// the order of frames locked, and says whether others may be about to post as well: then they are let go first. post is false, and
// has not called encode, if too much is posted.
func (s *sink) post(encode func(b []byte) (frames []byte, others bool)) bool {
	others, posted, mine := s.enqueue(encode)
	if mine {
		if others {
			runtime.Gosched()
		}
		s.end()
	}
	return posted
}

// enqueue is post without the writing: mine says that the turn is the caller's, who owes end.
func (s *sink) enqueue(encode func(b []byte) (frames []byte, others bool)) (others, posted, mine bool) {
	if others, posted = s.put(encode); !posted {
		return others, false, false
	}
	select {
	case <-s.turn:
		return others, true, true
	default: // whose turn it is writes it
		return others, true, false
	}
}

// put is enqueue without the turn.
func (s *sink) put(encode func(b []byte) (frames []byte, others bool)) (others, posted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mu.posted
	if p == nil {
		p = postings.Get().(*[]byte)
		s.mu.posted = p
	}
	if len(*p) > mostPosted {
		return false, false
	}
	*p, others = encode(*p)
	return others, true
}

// add is post without a write: flush follows, or somebody else's write takes it along.
func (s *sink) add(encode func(b []byte) (frames []byte, others bool)) bool {
	_, posted := s.put(encode)
	return posted
}

// flush writes what was added, unless somebody else is writing, who does.
func (s *sink) flush() {
	select {
	case <-s.turn:
		s.end()
	default:
	}
}

// begin waits for the turn, until ctx ends or dead is closed.
func (s *sink) begin(ctx context.Context, dead <-chan struct{}) error {
	select {
	case <-s.turn:
		return nil
	default:
	}
	select {
	case <-s.turn:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-dead:
		return net.ErrClosed
	}
}

// head appends to what is posted, and returns it all for the one whose turn it is to write, so that frames keep their order.
func (s *sink) head(encode func(b []byte) []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b []byte
	if s.mu.posted != nil {
		b, s.mu.posted = *s.mu.posted, nil
	}
	return encode(b)
}

// end writes what was posted meanwhile, and passes the turn on.
func (s *sink) end() {
	for {
		p := s.nextPosted()
		if p == nil {
			return
		}
		s.write(*p)
		*p = (*p)[:0]
		postings.Put(p)
	}
}

// nextPosted is nil when there is nothing left to write; then the turn is passed on.
func (s *sink) nextPosted() *[]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mu.posted
	if p == nil || len(*p) == 0 {
		s.turn <- struct{}{} // under mu: who posts next finds the turn free, or is seen here
		return nil
	}
	s.mu.posted = nil
	return p
}

// gather is the most that is copied into one slice where the connection would take each slice with a call of its own:
// a TLS record.
const gather = 16 << 10

// write writes all parts, some of which may be empty; it has the turn. An error has ended the connection.
func (s *sink) write(parts ...[]byte) error {
	if s.broken {
		return net.ErrClosed
	}
	s.renew()
	vec := s.vec[:0]
	total := 0
	for _, p := range parts {
		if len(p) > 0 {
			vec, total = append(vec, p), total+len(p)
		}
	}
	if s.sock == nil && len(vec) > 1 && total <= gather {
		vec = append(s.vec[:0], slices.Concat(vec...))
	}
	err := s.writeAll(vec, total)
	clear(s.vec[:])
	s.spliced.sent(total)
	return s.check(err)
}

// splice writes a head, and a body by reference as far as that goes; if some did, hold of spliced follows.
func (s *sink) splice(head, body []byte) (some bool, err error) {
	if err := s.write(head); err != nil {
		return false, err
	}
	n, err := s.spliced.send(body)
	if err == nil && n < len(body) {
		err = s.write(body[n:])
	}
	return n > 0, s.check(err)
}

// check ends the connection after a write that has failed.
func (s *sink) check(err error) error {
	if err != nil && !s.broken {
		s.broken = true
		s.fail(err)
	}
	return err
}

func (s *sink) writeAll(vec [][]byte, total int) error {
	switch {
	case s.sock != nil && len(vec) > 1:
		s.bufs = vec
		_, err := s.bufs.WriteTo(s.sock) // one writev
		return err
	case s.tls != nil && total > gather:
		s.tls.hold()
		err := s.writeEach(vec)
		return cmp.Or(err, s.tls.flush())
	}
	return s.writeEach(vec)
}

func (s *sink) writeEach(vec [][]byte) error {
	for _, p := range vec {
		if _, err := s.conn.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// renew moves the write deadline on, seldom enough that it costs nothing: a write has between three quarters of stall and all of it.
func (s *sink) renew() {
	if now := time.Now(); s.until.Sub(now) < s.stall*3/4 {
		s.until = now.Add(s.stall)
		s.conn.SetWriteDeadline(s.until)
	}
}
