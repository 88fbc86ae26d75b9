package transport

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Dial opens a stream to a node's journal.
type Dial func(ctx context.Context, id string) (net.Conn, error)

// streams is a raft.StreamLayer whose addresses are node ids.
type streams struct {
	id     string
	dial   Dial
	accept chan net.Conn
	ctx    context.Context
	cancel context.CancelFunc

	mu struct {
		sync.Mutex
		cluster Cluster
		ready   bool
		open    map[*stream]struct{}
	}
}

// stream is one that Stop closes: whoever reads from it would wait for the other side otherwise.
type stream struct {
	net.Conn
	of *streams
}

func (c *stream) Close() error {
	c.of.mu.Lock()
	delete(c.of.mu.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// track keeps a stream that began with a hello of cluster of.
func (s *streams) track(conn net.Conn, of Cluster) net.Conn {
	c := &stream{conn, s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil || s.mu.cluster != of { // the name may have changed since
		_ = conn.Close()
	} else {
		s.mu.open[c] = struct{}{}
	}
	return c
}

func (s *streams) stop() {
	s.cancel()
	s.mu.Lock()
	open := slices.Collect(maps.Keys(s.mu.open))
	s.mu.Unlock()
	closeAll(open)
}

func closeAll(open []*stream) {
	for _, c := range open {
		_ = c.Close()
	}
}

func newStreams(id string, dial Dial) *streams {
	s := &streams{id: id, dial: dial, accept: make(chan net.Conn)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.mu.open = make(map[*stream]struct{})
	return s
}

// join makes the node one of cluster c. What it has with nodes of another name ends: who keeps that name may lead under it.
func (s *streams) join(c Cluster) {
	s.mu.Lock()
	var others []*stream
	if s.mu.cluster != c {
		others = slices.Collect(maps.Keys(s.mu.open))
	}
	s.mu.cluster, s.mu.ready = c, true
	s.mu.Unlock()
	closeAll(others)
}

func (s *streams) cluster() (Cluster, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.cluster, s.mu.ready && s.ctx.Err() == nil
}

// redial is the pause between two tries to reach a node within one Dial of raft's.
const redial = 50 * time.Millisecond

// Dial implements raft.StreamLayer. It tries until the timeout rather than fail at once: raft doubles its own pause after
// each failure, up to 10 s, and a node that is back would wait that long for its entries.
func (s *streams) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	for {
		conn, err := s.open(ctx, string(to), KindRaft)
		if err == nil {
			return conn, nil
		}
		if _, refused := errors.AsType[*ClusterError](err); refused {
			return nil, err
		}
		select {
		case <-time.After(redial):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (s *streams) open(ctx context.Context, to string, kind Kind) (net.Conn, error) {
	c, ready := s.cluster()
	if !ready {
		return nil, ErrNotReady
	}
	conn, err := s.dial(ctx, to)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	if err := greet(conn, to, kind, c); err != nil || !stop() {
		_ = conn.Close()
		return nil, errors.Join(err, ctx.Err())
	}
	return s.track(conn, c), nil
}

// Accept implements net.Listener.
func (s *streams) Accept() (net.Conn, error) {
	select {
	case conn := <-s.accept:
		return conn, nil
	case <-s.ctx.Done():
		return nil, net.ErrClosed
	}
}

// hand gives raft a stream that somebody dialled.
func (s *streams) hand(c net.Conn) {
	select {
	case s.accept <- c:
	case <-s.ctx.Done():
		_ = c.Close()
	}
}

// Close implements net.Listener.
func (s *streams) Close() error {
	s.stop()
	return nil
}

// Addr implements net.Listener.
func (s *streams) Addr() net.Addr { return addr(s.id) }

type addr string

func (a addr) Network() string { return "journal" }
func (a addr) String() string  { return string(a) }
