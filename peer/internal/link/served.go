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
	ctx    context.Context // ends with the caller's deadline, with its cancel, and with the connection
	cancel context.CancelFunc
}

func (s *server) request(id uint64, call int, timeout time.Duration) *served {
	q := &served{s: s, id: id, call: call}
	s.e.stats.serving.Add(1)
	if timeout > 0 {
		q.ctx, q.cancel = context.WithTimeout(s.ctx, timeout)
	} else {
		q.ctx, q.cancel = context.WithCancel(s.ctx)
	}
	return q
}

// answer is the last frame of a call.
func (q *served) answer(b []byte, err error) error {
	if err == nil && len(b) > MaxCall {
		err = ErrTooLarge
	}
	if err != nil {
		return q.fail(err)
	}
	if err := q.beginLast(); err != nil {
		return err
	}
	out := q.s.out
	defer out.end()
	q.s.e.stats.bytesOut.Add(int64(len(b)))
	out.frame = appendAnswer(out.frame[:0], q.id, xxhash.Sum64(b), len(b))
	return out.write(out.frame, b)
}

// fail is the last frame of a request that has failed; the error that it returns is the connection's.
func (q *served) fail(why error) error {
	if err := q.beginLast(); err != nil {
		return err
	}
	out := q.s.out
	defer out.end()
	_, timed := q.ctx.Deadline()
	out.frame = appendError(out.frame[:0], q.id, why, timed)
	return out.write(out.frame)
}

// beginLast waits for the turn to write the last frame. The client may count on the request's credit as soon as it has that
// frame, so that the credit is given back before; in the turn, so that a client that does not read gets no more of it.
func (q *served) beginLast() error {
	if q.s.ctx.Err() != nil { // what a handler says that was told to stop is not the request's outcome
		return context.Cause(q.s.ctx)
	}
	if err := q.s.out.begin(q.s.ctx, nil); err != nil { // not q's context: a request that was given up is answered, too
		return err
	}
	q.s.mu.Lock()
	defer q.s.mu.Unlock()
	delete(q.s.mu.requests, q.id)
	q.s.mu.calls -= q.call
	return nil
}

// end ends the connection, too, if a write has failed: it may have left a frame that is not whole.
func (q *served) end(err error) {
	q.cancel()
	q.s.e.stats.serving.Add(-1)
	if err != nil {
		q.s.stop(err)
		q.s.src.conn.Close()
	}
}
