package link

import (
	"cmp"
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
	owes bool   // the reader: what it has served has not been written

	near bool // the other end is of this host, and takes bytes as they are

	places chan struct{} // a token in it for each request that has bytes at hand

	spare *servedRead // the reader's: a ready one, which is over; nil: none is

	mu struct {
		sync.Mutex
		requests map[uint64]*served // until their last frame is about to be written
		calls    int                // bytes of calls' requests
	}
	serving sync.WaitGroup
}

func (e *Endpoint) serveFrames(a *admitted) {
	s := &server{e: e, peer: a.peer, places: make(chan struct{}, atHand)}
	s.out = newSink(a.conn, e.cfg.StallTime, func(err error) { s.stop(err); a.conn.Close() })
	s.src.conn, s.src.idle = a.conn, s.answerReady
	s.near = s.out.sock != nil && sameHost(a.conn)
	s.out.spliced = e.splices(a.conn, s.out.fail)
	s.ctx, s.stop = context.WithCancelCause(e.ctx)
	s.mu.requests = map[uint64]*served{}
	e.cfg.Events.connects(ConnectInfo{ID: a.peer.ID, Addr: a.peer.Addr, Unix: isUnix(a.conn)})
	var err error
	for err == nil {
		err = s.step()
	}
	if errors.Is(err, net.ErrClosed) { // by a write that has failed
		err = cmp.Or(context.Cause(s.ctx), err)
	}
	s.stop(net.ErrClosed)
	a.conn.Close()
	s.serving.Wait()
	s.out.spliced.end()
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
	s.e.cfg.Events.connects(ConnectInfo{ID: s.peer.ID, Addr: s.peer.Addr, Unix: isUnix(s.src.conn), End: true, Err: err})
}

// step takes the next frame.
func (s *server) step() error {
	h, meta, err := s.src.next()
	if err != nil {
		return err
	}
	if h.kind == kindRead {
		return s.read(h, meta)
	}
	s.answerReady()
	switch h.kind {
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

// admit finds that the client takes more than it was given.
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
	return nil
}

// count has the request take of the client's credit until settle, and cancels find it. One that is served at once needs neither.
func (s *server) count(q *served) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.calls += q.call
	s.mu.requests[q.id] = q
}

func (s *server) read(h head, meta []byte) error {
	m, err := parseRead(meta)
	if err != nil {
		return err
	}
	r := s.nextRead(h.id, &m.req)
	if err := s.admit(&r.served); err != nil {
		return err
	}
	if s.ready(r) {
		s.spare = r
		return nil
	}
	s.count(&r.served)
	r.begin(m.timeout)
	s.serving.Go(func() {
		defer r.end()
		r.w.finish(s.e.cfg.Handler.ServeBlock(r.ctx, s.peer.ID, &r.req, &r.w))
	})
	return nil
}

// nextRead is a new one, in the place of one that was ready if there is that.
func (s *server) nextRead(id uint64, req *BlockRequest) *servedRead {
	r := s.spare
	s.spare = nil
	if r == nil {
		r = new(servedRead)
	}
	*r = servedRead{served: served{s: s, id: id}, req: *req}
	r.w.q, r.w.off, r.w.length = &r.served, req.Off, req.Length
	return r
}

func (s *server) call(h head, meta []byte) error {
	m, err := parseCall(meta)
	if err != nil {
		return err
	}
	q := s.request(h.id, h.body, m.timeout)
	req, err := s.receive(q, m.sum)
	if err != nil {
		defer q.end()
		return s.late(q, err)
	}
	s.serving.Go(func() {
		defer s.e.room.Release(int64(h.body))
		defer q.end()
		q.answer(s.e.cfg.Handler.ServeCall(q.ctx, s.peer.ID, m.method, req))
	})
	return nil
}

// errNoRoom ends a connection whose call could not be read for want of memory as long as its caller waits to write it.
var errNoRoom = errors.New("no room for a call's request")

// receive reads a call's request when there is room for it; who has got it gives the room back. It waits for room within
// the call's deadline, and no longer than the caller waits for his write.
func (s *server) receive(q *served, sum uint64) ([]byte, error) {
	if err := s.admit(q); err != nil {
		return nil, err
	}
	s.count(q)
	ctx, cancel := context.WithTimeoutCause(q.ctx, s.e.cfg.StallTime, errNoRoom)
	defer cancel()
	if s.e.room.Acquire(ctx, int64(q.call)) != nil {
		return nil, context.Cause(ctx)
	}
	req, err := s.src.body(q.call, sum, s.e.cfg.StallTime)
	if err != nil {
		s.e.room.Release(int64(q.call))
	}
	return req, err
}

// late goes on after a call whose deadline has passed before there was room for its request, which is thrown away. err of
// another kind ends the connection.
func (s *server) late(q *served, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) || s.ctx.Err() != nil {
		return err
	}
	if err := s.src.skip(q.call, s.e.cfg.StallTime); err != nil {
		return err
	}
	q.fail(err)
	return nil
}
