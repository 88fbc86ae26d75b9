package link

import (
	"context"
	"time"

	"github.com/cespare/xxhash/v2"
)

// served is a request that a server works at.
type served struct {
	s      *server
	id     uint64
	call   int             // bytes of a call's request
	inline bool            // by the connection's reader
	ctx    context.Context // ends with the caller's deadline, with its cancel, and with the connection
	cancel context.CancelFunc
}

// servedRead is a read and all that goes with it: one allocation for each is a part of what a small one costs.
type servedRead struct {
	served
	req BlockRequest
	w   BlockWriter
}

func (s *server) request(id uint64, call int, timeout time.Duration) *served {
	q := &served{s: s, id: id, call: call}
	q.begin(timeout)
	return q
}

// begin bounds q's work; end follows.
func (q *served) begin(timeout time.Duration) {
	q.s.e.stats.serving.Add(1)
	if timeout > 0 {
		q.ctx, q.cancel = context.WithTimeout(q.s.ctx, timeout)
	} else {
		q.ctx, q.cancel = context.WithCancel(q.s.ctx)
	}
}

// answer is the last frame of a call.
func (q *served) answer(b []byte, err error) {
	if err == nil && len(b) > MaxCall {
		err = ErrTooLarge
	}
	if err != nil {
		q.fail(err)
		return
	}
	q.s.e.stats.bytesOut.Add(int64(len(b)))
	sum := xxhash.Sum64(b)
	q.last(func(f []byte) []byte { return appendAnswer(f, q.id, sum, len(b)) }, b, nil)
}

// fail is the last frame of a request that has failed.
func (q *served) fail(why error) {
	_, timed := q.ctx.Deadline()
	q.last(func(f []byte) []byte { return appendError(f, q.id, why, timed) }, nil, nil)
}

// last writes the last frames of a request: what front encodes, a body, what back encodes, which may be nil.
//
// The client may count on the request's credit as soon as it has them, so that the credit is given back before; but with the
// order of frames locked, and while little is posted, so that a client that does not read gets no more of it. It is given back
// by a connection that has ended too: nothing is left for a cancel to find.
func (q *served) last(front func([]byte) []byte, body []byte, back func([]byte) []byte) {
	if q.s.ctx.Err() != nil { // what a handler says that was told to stop is not the request's outcome
		q.settle()
		return
	}
	out := q.s.out
	if len(body) <= smallFrame && q.post(func(b []byte) ([]byte, bool) {
		b = append(front(b), body...)
		if back != nil {
			b = back(b)
		}
		return b, q.settle()
	}) {
		return
	}
	if out.begin(q.s.ctx, nil) != nil {
		q.settle()
		return
	}
	defer out.end()
	head := out.head(func(b []byte) []byte { q.settle(); return front(b) })
	var tail []byte
	if back != nil {
		tail = back(nil)
	}
	out.write(head, body, tail)
}

// post has the last frames of a request written, those of ready ones when the reader has nothing else to do.
func (q *served) post(encode func(b []byte) (frames []byte, others bool)) bool {
	if q.inline {
		return q.s.out.add(encode)
	}
	return q.s.out.post(encode)
}

// settle gives back what the request took of the credit, and reports whether others are being served.
func (q *served) settle() (others bool) {
	if q.inline {
		return false
	}
	q.s.mu.Lock()
	defer q.s.mu.Unlock()
	delete(q.s.mu.requests, q.id)
	q.s.mu.calls -= q.call
	return len(q.s.mu.requests) > 0
}

// end is called when the request's handler and its last frame are through.
func (q *served) end() {
	q.cancel()
	q.s.e.stats.serving.Add(-1)
}
