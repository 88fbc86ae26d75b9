package link

import (
	"context"
	"net"
	"slices"
	"time"
)

// sink writes frames to a connection, one writer at a time.
type sink struct {
	conn  net.Conn
	tcp   *net.TCPConn  // conn, where it is that: it takes several slices and files at once
	turn  chan struct{} // holds one token while nobody writes
	stall time.Duration

	// The following are whose turn it is.
	until time.Time // conn's write deadline
	frame []byte    // heads and metas
	vec   [3][]byte
	bufs  net.Buffers
}

func newSink(conn net.Conn, stall time.Duration) *sink {
	s := &sink{conn: conn, turn: make(chan struct{}, 1), stall: stall}
	s.tcp, _ = conn.(*net.TCPConn)
	s.turn <- struct{}{}
	return s
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

func (s *sink) end() { s.turn <- struct{}{} }

// gather is the most that is copied into one slice where the connection would take each slice with a call of its own:
// a TLS record.
const gather = 16 << 10

// write writes all parts, some of which may be empty; it has the turn.
func (s *sink) write(parts ...[]byte) error {
	s.renew()
	vec := s.vec[:0]
	total := 0
	for _, p := range parts {
		if len(p) > 0 {
			vec, total = append(vec, p), total+len(p)
		}
	}
	if s.tcp == nil && len(vec) > 1 && total <= gather {
		vec = append(s.vec[:0], slices.Concat(vec...))
	}
	if s.tcp != nil {
		s.bufs = vec
		_, err := s.bufs.WriteTo(s.tcp) // one writev
		clear(s.vec[:])
		return err
	}
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
