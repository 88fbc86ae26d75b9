package link

import (
	"container/list"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Serve accepts connections from l until l or the endpoint is closed, and closes l.
func (e *Endpoint) Serve(l net.Listener) error {
	if !e.hold(l) {
		return ErrClosed
	}
	defer e.letGo(l)
	defer l.Close()
	var delay time.Duration
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			delay = 0
			e.stranger(conn)
		case e.ctx.Err() != nil:
			return ErrClosed
		case errors.Is(err, net.ErrClosed):
			return err
		default: // out of descriptors, or a connection that ended at once
			delay = min(max(5*time.Millisecond, 2*delay), time.Second)
			if !e.sleep(delay) {
				return ErrClosed
			}
		}
	}
}

func (e *Endpoint) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-e.ctx.Done():
		return false
	}
}

// strangers are the connections that have not said who they are. There are at most so many; when one more comes, the oldest has
// to go: a peer's handshake takes a few milliseconds, and is the oldest only if hundreds come within them.
type strangers struct {
	most int
	mu   struct {
		sync.Mutex
		order list.List // of net.Conn
	}
}

// add takes conn in; crowded: another one had to go.
func (s *strangers) add(conn net.Conn) (place *list.Element, crowded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if crowded = s.mu.order.Len() >= s.most; crowded {
		s.mu.order.Remove(s.mu.order.Front()).(net.Conn).Close()
	}
	return s.mu.order.PushBack(conn), crowded
}

func (s *strangers) remove(e *list.Element) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.order.Remove(e) // no matter if it is gone
}

// stranger starts the one goroutine of a connection that has come.
func (e *Endpoint) stranger(conn net.Conn) {
	place, crowded := e.strangers.add(conn)
	if crowded {
		e.stats.crowded.Add(1)
	}
	if !e.hold(conn) || !e.spawn(func() { e.meet(conn, place) }) {
		conn.Close()
	}
}

// meet does the handshake, then hands the connection to whom its first byte names.
func (e *Endpoint) meet(raw net.Conn, place *list.Element) {
	defer e.letGo(raw)
	addr := remoteAddr(raw)
	raw.SetDeadline(time.Now().Add(e.cfg.HandshakeTime))
	a, err := e.answerCall(raw)
	e.strangers.remove(place)
	if err != nil {
		raw.Close()
		if e.ctx.Err() == nil {
			e.refusal(err, addr)
		}
		return
	}
	raw.SetDeadline(noDeadline)
	a.peer.Addr = addr
	e.hand(a)
}

func (e *Endpoint) hand(a *admitted) {
	switch {
	case a.proto == protoFrames:
		e.admitFrames(a)
	case a.proto == protoStream:
		e.cfg.Handler.ServeStream(a.peer.ID, a.stream, a.conn)
	case e.cfg.Gossip != nil:
		e.cfg.Gossip(a.peer, a.conn)
	default:
		a.conn.Close()
	}
}

// admitFrames serves a frame connection, unless its node has too many of them.
func (e *Endpoint) admitFrames(a *admitted) {
	id := a.peer.ID
	if !e.count(id, 1) {
		a.conn.Close()
		e.refusal(&RefusedError{ID: id, Reason: ErrCrowded, Detail: fmt.Sprintf("want at most %d of one node", e.cfg.MaxPerPeer)}, a.peer.Addr)
		return
	}
	defer e.count(id, -1)
	e.serveFrames(a)
}

// count counts the frame connections of a node; it is false if there are too many.
func (e *Endpoint) count(id string, by int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := e.mu.perPeer[id] + by
	switch {
	case n > e.cfg.MaxPerPeer:
		return false
	case n == 0:
		delete(e.mu.perPeer, id)
	default:
		e.mu.perPeer[id] = n
	}
	return true
}
