package link

import "time"

// credit is what a server takes over one connection at a time; it says so when it lets the connection in, and a client
// that takes more loses the connection. A read needs no more than that: the place for its bytes is there before it is made.
type credit struct {
	requests int
	calls    int // bytes of calls' requests
}

// 64 requests fill a long fat pipe with blocks; two calls of the largest size keep it busy while one is worked at.
var ourCredit = credit{requests: 64, calls: 2 * MaxCall}

// load is what is on its way over one connection.
type load struct {
	requests int
	bytes    int64     // that were asked for or are sent
	calls    int       // bytes of calls' requests
	used     time.Time // when the last one came back
}

func (l *load) add(q *request) {
	l.requests++
	l.calls += q.call
	l.bytes += q.size()
}

func (l *load) sub(q *request) {
	l.requests--
	l.calls -= q.call
	l.bytes -= q.size()
	if l.requests == 0 {
		l.used = time.Now()
	}
}

// room says whether c may take q; its pool's mu is held.
func (c *client) room(q *request) bool {
	return c.load.requests < c.credit.requests && c.load.calls+q.call <= c.credit.calls
}

// size is about what q moves.
func (q *request) size() int64 {
	if q.read != nil {
		return q.read.Length
	}
	return int64(q.call)
}
