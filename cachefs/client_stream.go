package cachefs

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errStreamLost says that a stream ended before the node had the last word.
var errStreamLost = errors.New("the connection to the node was lost")

// conversation is a Client's side of a stream. One goroutine, listen, reads what the node says.
type conversation struct {
	*stream
	c      *Client
	ctx    context.Context // ends with the caller's, with the Client, and when the node is silent; then the connection closes
	cancel context.CancelCauseFunc
	quiet  func()
	taken  chan struct{}       // a token for each frame of data that may be sent
	told   func(*wireProgress) // nil: of a writer
	ended  chan struct{}       // closed when nothing more comes
	word   bool                // after ended: the node had the last word
	last   error               // after ended: what that was, or why there is none
}

// converse opens a stream to any node and asks it for something; the answer is what it says when that has begun. told hears of
// the progress of a job.
func converse[R, A any](ctx context.Context, c *Client, op string, args A, told func(*wireProgress)) (v *conversation, answer R, err error) {
	a := attempts{c: c}
	defer a.done()
	err = c.anywhere(ctx, func(soon context.Context, addr string) error {
		conn, err := c.peers.Dial(soon, addr, clientMethod+op)
		if err != nil {
			return &elsewhere{err}
		}
		v = newConversation(ctx, c, addr, &stream{conn: conn}, told)
		req := request(ctx, c, args)
		req.Op, req.Tried = a.next()
		answer, err = begin[R](v, req)
		if a.answered(err); err != nil {
			v.end(err)
			v.quiet()
			return err
		}
		if !c.spawn(v.listen) {
			v.end(ErrClosed)
			v.quiet()
			return ErrClosed
		}
		return nil
	})
	return v, answer, plainly(ctx, err) // not of unknown outcome: it ends with its stream
}

func newConversation(ctx context.Context, c *Client, addr string, s *stream, told func(*wireProgress)) *conversation {
	v := &conversation{stream: s, c: c, told: told, taken: make(chan struct{}, streamAhead), ended: make(chan struct{})}
	for range streamAhead {
		v.taken <- struct{}{}
	}
	ctx, v.cancel = context.WithCancelCause(ctx)
	withClient := context.AfterFunc(c.ctx, func() { v.cancel(ErrClosed) })
	watched, unwatch := c.watch(ctx, addr, func() { _ = s.send(framePing, nil) })
	v.ctx = watched
	context.AfterFunc(v.ctx, func() { _ = s.conn.Close() })
	v.quiet = func() { withClient(); unwatch() }
	return v
}

// begin sends the request and waits for the answer.
func begin[R, A any](v *conversation, req *clientRequest[A]) (answer R, err error) {
	if at, ok := v.ctx.Deadline(); ok {
		req.Left = max(time.Until(at), time.Millisecond)
	}
	b, err := message(req)
	if err != nil { // no other node could be asked, either
		return answer, err
	}
	if err := v.send(frameRequest, b); err != nil {
		return answer, &elsewhere{err}
	}
	kind, body, err := readFrame(v.conn)
	switch {
	case err != nil && v.ctx.Err() != nil:
		return answer, &elsewhere{context.Cause(v.ctx)}
	case err != nil:
		return answer, &elsewhere{lost(err)}
	case kind != frameReady && kind != frameEnd:
		return answer, invalid("a frame of kind %d for an answer", kind)
	}
	var got clientReply[R]
	if err := decodeWire(body, &got); err != nil {
		return answer, err
	}
	v.c.seen.saw(got.History, got.Index)
	return got.Answer, fromNode(got.Err)
}

// nodeLost reports whether a stream ended because its node did, or cannot serve any more.
func nodeLost(err error) bool {
	_, says := err.(*elsewhere)
	return says || errors.Is(err, errStreamLost) || errors.Is(err, errUnheard)
}

func lost(err error) error { return fmt.Errorf("%w: %w", errStreamLost, err) }

// listen hears what the node says, to the end of the stream.
func (v *conversation) listen() {
	defer close(v.ended)
	defer v.quiet()
	for !v.word && v.last == nil {
		kind, body, err := readFrame(v.conn)
		switch {
		case err != nil && v.ctx.Err() != nil:
			v.last = context.Cause(v.ctx)
		case err != nil:
			v.last = lost(err)
		default:
			v.hear(kind, body)
		}
	}
	v.end(v.last)
}

// hear takes what the node says.
func (v *conversation) hear(kind frameKind, body []byte) {
	switch kind {
	case frameTaken:
		select {
		case v.taken <- struct{}{}:
		default:
			v.last = lost(invalid("more frames taken than sent"))
		}
	case frameProgress:
		var p wireProgress
		if v.last = decodeWire(body, &p); v.last == nil && v.told != nil {
			v.told(&p)
		}
	case frameEnd:
		var got clientReply[none]
		if v.last = decodeWire(body, &got); v.last == nil {
			v.c.seen.saw(got.History, got.Index)
			v.word, v.last = true, fromNode(got.Err)
		}
	default:
		v.last = lost(invalid("a frame of kind %d from a node", kind))
	}
}

// end closes the stream. What waits for it has err, unless it has something else already.
func (v *conversation) end(err error) { v.cancel(err) }

// data sends bytes of the file, when the node has room.
func (v *conversation) data(p []byte) error {
	select {
	case <-v.taken:
	case <-v.ended:
		return v.failure()
	}
	if v.send(frameData, p) == nil {
		return nil
	}
	<-v.ended // it may have said why
	return v.failure()
}

// failure is why the stream has ended, nil if it has not.
func (v *conversation) failure() error {
	select {
	case <-v.ended:
	default:
		return nil
	}
	if v.last == nil { // nobody asked for an end
		return errStreamLost
	}
	return v.last
}

// giveUpTime is how long the node may take to give a file up while the Client waits for that.
const giveUpTime = 2 * time.Second

// giveUp has the node give up the file, and ends the stream. What is under way ends, too.
func (v *conversation) giveUp() {
	late := time.AfterFunc(giveUpTime, func() { v.end(ErrClosed) })
	defer late.Stop()
	_, _ = v.conclude(frameAbort)
	v.end(ErrClosed)
}

// conclude sends a last frame and waits for the last word.
func (v *conversation) conclude(k frameKind) (word bool, err error) {
	_ = v.send(k, nil) // if it does not arrive there is no last word
	<-v.ended
	return v.word, v.last
}
