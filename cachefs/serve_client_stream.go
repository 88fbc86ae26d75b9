package cachefs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	// maxClientStreams is how many files Clients may write here, and jobs run, at a time: half a MiB each.
	maxClientStreams = 256
	// clientIdle is how long a Client may say nothing while a stream of its is open: it pings six times as often. Then it is
	// taken for dead, what it writes is given up and its jobs end.
	clientIdle = 15 * time.Second
	// lastWordTime is how long what is still to be said may take when nothing more is read.
	lastWordTime = time.Second
)

// clientStreams are what the streams of Clients are for.
var clientStreams = map[string]func(*clientStream){
	"client.create":  (*clientStream).write,
	"client.load":    (*clientStream).load,
	"client.persist": (*clientStream).persist,
}

// clientStream is a stream of a Client at a node. One goroutine reads what comes, so that the Client's end is noticed whatever
// the other one does, which works.
type clientStream struct {
	*stream
	n      *Node
	first  []byte          // the body of the request
	ctx    context.Context // ends with the stream, with the node, and with the Client's deadline
	cancel context.CancelCauseFunc
	frames chan clientFrame // data and close, in order
	done   chan struct{}    // closed when the last word is said
}

type clientFrame struct {
	kind frameKind
	body []byte
}

var errClientGone = errors.New("the client has gone")

// serveClientStream serves a stream to its end.
func (n *Node) serveClientStream(proto string, conn net.Conn) {
	defer conn.Close()
	s := &clientStream{stream: &stream{conn: conn}, n: n, frames: make(chan clientFrame, streamAhead+1), done: make(chan struct{})}
	work := clientStreams[proto]
	if n.clientStreams.Add(1) > maxClientStreams {
		work = (*clientStream).refuse
	}
	defer n.clientStreams.Add(-1)
	if work == nil {
		return // of a later version
	}
	conn.SetReadDeadline(time.Now().Add(clientIdle))
	kind, body, err := readFrame(conn)
	if err != nil || kind != frameRequest {
		n.log.Debug("a client's stream has no request", "stream", proto, "err", err)
		return
	}
	s.first = body
	s.ctx, s.cancel = context.WithCancelCause(n.ctx)
	go func() {
		defer close(s.done)
		work(s)
	}()
	s.cancel(fmt.Errorf("%w: %w", errClientGone, s.read()))
	conn.SetWriteDeadline(time.Now().Add(lastWordTime)) // a Client that takes nothing any more does not keep the worker
	<-s.done
}

// read takes frames until the connection ends, or the client says nothing any more. It goes on after the last word: a connection
// that is closed with something unread may take what was said with it.
func (s *clientStream) read() error {
	for {
		s.conn.SetReadDeadline(time.Now().Add(clientIdle))
		kind, body, err := readFrame(s.conn)
		switch {
		case err != nil:
			return err
		case kind == framePing:
			continue
		case kind == frameAbort:
			s.cancel(ErrClosed)
			continue
		case kind != frameData && kind != frameClose:
			return fmt.Errorf("%w: a frame of kind %d in a stream", ErrInvalid, kind)
		}
		select {
		case s.frames <- clientFrame{kind, body}:
		case <-s.done:
		default:
			return fmt.Errorf("%w: more than %d frames ahead", ErrInvalid, streamAhead)
		}
	}
}

// beginClientStream admits the stream's request, whose arguments go to args. The end of the stream is end's.
func beginClientStream[A any](s *clientStream) (ctx context.Context, args A, end context.CancelFunc, err error) {
	var req clientRequest[A]
	if err := decodeWire(s.first, &req); err != nil {
		return s.ctx, args, func() {}, err
	}
	ctx, end = s.ctx, func() {}
	if req.Left > 0 {
		ctx, end = context.WithTimeout(ctx, req.Left)
	}
	ctx, done, err := s.n.admitClient(ctx, s.n.within(req.History, req.Seen), req.User, req.Op, req.Tried)
	if err == nil && done {
		err = fmt.Errorf("%w: the node that had begun the file was lost; it is being given up", ErrLeaseLost)
	}
	return ctx, req.Args, end, err
}

// end says the last word: briefly, if it is too long. Who does not hear it has gone.
func (s *clientStream) end(err error) {
	if s.say(frameEnd, replyTo(s.n, none{}, err)) == nil || err == nil {
		return
	}
	brief := replyTo(s.n, none{}, nil)
	brief.Err = briefToWire(err)
	_ = s.say(frameEnd, brief)
}

// refuse ends a stream that is one too many.
func (s *clientStream) refuse() {
	s.end(fmt.Errorf("%w: clients write %d files and run jobs here; try again when some have ended", ErrBusy, maxClientStreams))
}
