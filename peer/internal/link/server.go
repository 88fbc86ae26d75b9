package link

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
)

// server is a frame connection that another node dialled: its requests are read by one goroutine and served by one each.
type server struct {
	e    *Endpoint
	peer Peer
	src  source
	out  *sink
	ctx  context.Context // ends with the connection
	stop context.CancelCauseFunc
	last uint64 // id of the latest request; the reader's

	mu struct {
		sync.Mutex
		requests map[uint64]*served // until their last frame is about to be written
		calls    int                // bytes of calls' requests
	}
	serving sync.WaitGroup
}

func (e *Endpoint) serveFrames(a *admitted) {
	s := &server{e: e, peer: a.peer}
	s.out = newSink(a.conn, e.cfg.StallTime, func(err error) { s.stop(err); a.conn.Close() })
	s.src.conn = a.conn
	s.ctx, s.stop = context.WithCancelCause(e.ctx)
	s.mu.requests = map[uint64]*served{}
	e.cfg.Events.connects(ConnectInfo{ID: a.peer.ID, Addr: a.peer.Addr})
	var err error
	for err == nil {
		err = s.step()
	}
	s.stop(net.ErrClosed)
	a.conn.Close()
	s.serving.Wait()
	s.ended(err)
}

func (s *server) ended(err error) {
	if bad, ok := errors.AsType[*FrameError](err); ok {
		s.e.stats.broken.Add(1)
		s.e.cfg.Events.broken(BrokenInfo{ID: s.peer.ID, Addr: s.peer.Addr, Err: bad})
	}
	if errors.Is(err, io.EOF) || s.e.ctx.Err() != nil {
		err = nil
	}
	s.e.cfg.Events.connects(ConnectInfo{ID: s.peer.ID, Addr: s.peer.Addr, End: true, Err: err})
}

// step takes the next frame.
func (s *server) step() error {
	h, meta, err := s.src.next()
	if err != nil {
		return err
	}
	switch h.kind {
	case kindRead:
		return s.read(h, meta)
	case kindCall:
		return s.call(h, meta)
	case kindCancel:
		s.cancel(h.id)
		return nil
	}
	return badFrame("kind %d comes from a client", h.kind)
}

func (s *server) cancel(id uint64) {
	s.mu.Lock()
	q := s.mu.requests[id]
	s.mu.Unlock()
	if q != nil { // else its answer is on the way
		q.cancel()
	}
}

// admit counts a request in, or finds that the client takes more than it was given.
func (s *server) admit(q *served) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case q.id <= s.last:
		return badFrame("request %d after request %d", q.id, s.last)
	case len(s.mu.requests) >= ourCredit.requests:
		return badFrame("more than %d requests at a time", ourCredit.requests)
	case s.mu.calls+q.call > ourCredit.calls:
		return badFrame("calls of more than %d bytes at a time", ourCredit.calls)
	}
	s.last = q.id
	s.mu.calls += q.call
	s.mu.requests[q.id] = q
	return nil
}

func (s *server) read(h head, meta []byte) error {
	m, err := parseRead(meta)
	if err != nil {
		return err
	}
	q := s.request(h.id, 0, m.timeout)
	if err := s.admit(q); err != nil {
		q.end()
		return err
	}
	s.serving.Go(func() {
		w := &BlockWriter{q: q, off: m.req.Off, length: m.req.Length}
		defer q.end()
		w.finish(s.e.cfg.Handler.ServeBlock(q.ctx, s.peer.ID, &m.req, w))
	})
	return nil
}

func (s *server) call(h head, meta []byte) error {
	m, err := parseCall(meta)
	if err != nil {
		return err
	}
	q := s.request(h.id, h.body, m.timeout)
	req, err := s.receive(q, m.sum)
	if err != nil {
		q.end()
		return err
	}
	s.serving.Go(func() {
		defer s.e.room.Release(int64(h.body))
		defer q.end()
		q.answer(s.e.cfg.Handler.ServeCall(q.ctx, s.peer.ID, m.method, req))
	})
	return nil
}

// receive reads a call's request when there is room for it; who has got it gives the room back.
func (s *server) receive(q *served, sum uint64) ([]byte, error) {
	if err := s.admit(q); err != nil {
		return nil, err
	}
	if err := s.e.room.Acquire(s.ctx, int64(q.call)); err != nil {
		return nil, err
	}
	req, err := s.src.body(q.call, sum, s.e.cfg.StallTime)
	if err != nil {
		s.e.room.Release(int64(q.call))
	}
	return req, err
}
