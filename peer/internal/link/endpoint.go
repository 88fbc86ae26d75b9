package link

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Endpoint is one node's side of all of its connections. Its methods may be called from any goroutine.
type Endpoint struct {
	cfg     Config
	ready   ReadyHandler // cfg.Handler, if it is one
	trust   atomic.Pointer[trust]
	boot    [16]byte
	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	running sync.WaitGroup
	stats   stats
	room    *semaphore.Weighted // for calls' requests, of all connections

	mu struct {
		sync.Mutex
		closed  bool
		pools   map[string]*pool
		open    map[io.Closer]struct{} // listeners and connections of others: Close closes them
		perPeer map[string]int         // frame connections that others opened
	}
	strangers strangers
	mute      mutes
	pipes     pipes
}

// New returns an endpoint that can call, and serves what Serve hands to it.
func New(cfg Config) (*Endpoint, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	e := &Endpoint{cfg: cfg, room: semaphore.NewWeighted(cfg.CallBytes)}
	t, err := newTrust(cfg.Secrets, cfg.Encrypt)
	if err != nil {
		return nil, err
	}
	e.trust.Store(t)
	e.ready, _ = cfg.Handler.(ReadyHandler)
	rand.Read(e.boot[:])
	e.ctx, e.stop = context.WithCancel(context.Background())
	e.mu.pools = map[string]*pool{}
	e.mu.open = map[io.Closer]struct{}{}
	e.mu.perPeer = map[string]int{}
	e.strangers.most = cfg.MaxStrangers
	return e, nil
}

// spawn runs f in a goroutine that Close waits for, unless the endpoint is closed.
func (e *Endpoint) spawn(f func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.closed {
		return false
	}
	e.running.Go(f)
	return true
}

// hold has Close close c. It is false, and c closed, if that has been called.
func (e *Endpoint) hold(c io.Closer) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.closed {
		c.Close()
		return false
	}
	e.mu.open[c] = struct{}{}
	return true
}

func (e *Endpoint) letGo(c io.Closer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.mu.open, c)
}

func (e *Endpoint) pool(id string) (*pool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.closed {
		return nil, ErrClosed
	}
	p := e.mu.pools[id]
	if p == nil {
		p = &pool{e: e, id: id}
		e.mu.pools[id] = p
	}
	return p, nil
}

// errForgotten ends the connections to a node that left.
var errForgotten = errors.New("the node has left the mesh")

// Forget closes the connections to a node that failed or left; requests under way end with ErrUnreachable or
// ErrUnknownOutcome. A later request dials again.
func (e *Endpoint) Forget(id string) {
	e.mu.Lock()
	p := e.mu.pools[id]
	delete(e.mu.pools, id)
	e.mu.Unlock()
	if p != nil {
		p.close(&lostError{ErrUnreachable, id, errForgotten})
	}
}

// dial connects to node id and does the handshake.
func (e *Endpoint) dial(ctx context.Context, id string, proto protocol, stream string) (*admitted, error) {
	addr, want := id, ""
	if e.cfg.Resolve != nil {
		var ok bool
		if addr, ok = e.cfg.Resolve(id); !ok {
			return nil, &lostError{ErrUnreachable, id, errors.New("no member of the mesh")}
		}
		want = id
	}
	a, err := e.dialAddr(ctx, addr, want, proto, stream)
	if err != nil {
		return nil, &lostError{ErrUnreachable, id, err}
	}
	return a, nil
}

// dialAddr connects to addr, where node want is to answer; "": whoever does.
func (e *Endpoint) dialAddr(ctx context.Context, addr, want string, proto protocol, stream string) (*admitted, error) {
	if a, err := e.dialHere(ctx, addr, want, proto, stream); a != nil || err != nil {
		return a, err
	}
	raw, err := e.cfg.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	a, err := e.shake(ctx, raw, addr, want, proto, stream)
	switch {
	case err == nil:
		return a, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("handshake with %s: %w", addr, context.Cause(ctx))
	}
	return nil, e.refusal(withID(err, want), addr)
}

// shake does the handshake over raw, which it closes if that fails.
func (e *Endpoint) shake(ctx context.Context, raw net.Conn, addr, want string, proto protocol, stream string) (*admitted, error) {
	stopped := context.AfterFunc(ctx, func() { raw.SetDeadline(past) })
	a, err := e.call(raw, addr, want, proto, stream)
	if !stopped() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	a.peer.Addr = addr
	return a, nil
}

// refusal tells of a handshake that failed.
func (e *Endpoint) refusal(err error, addr string) error {
	err = e.tlsError(err)
	if errors.Is(err, ErrNotPeer) {
		err = &RefusedError{Reason: err}
	}
	if r, ok := errors.AsType[*RefusedError](err); ok {
		r.Addr = addr
		e.stats.refused.Add(1)
		e.cfg.Events.refused(r)
		return r
	}
	return fmt.Errorf("handshake with %s: %w", addr, err)
}

// Dial opens a connection to node to that its Handler.ServeStream is given, for proto (at most 128 bytes). Whoever gets it closes it;
// Close of the endpoint does not.
func (e *Endpoint) Dial(ctx context.Context, to, proto string) (net.Conn, error) {
	if len(proto) > maxName {
		return nil, fmt.Errorf("protocol %q: want at most %d bytes", proto, maxName)
	}
	ctx, cancel := e.dialContext(ctx)
	defer cancel()
	a, err := e.dial(ctx, to, protoStream, proto)
	if err != nil {
		return nil, err
	}
	return a.conn, nil
}

// DialGossip opens a connection for gossip to addr; want is the id of the node that is to answer, "" if it is not known.
// The other side's Config.Gossip is given it.
func (e *Endpoint) DialGossip(ctx context.Context, addr, want string) (net.Conn, Peer, error) {
	ctx, cancel := e.dialContext(ctx)
	defer cancel()
	a, err := e.dialAddr(ctx, addr, want, protoGossip, "")
	if err != nil {
		return nil, Peer{}, err
	}
	return a.conn, a.peer, nil
}

// dialContext ends with ctx, after DialTime, and with the endpoint.
func (e *Endpoint) dialContext(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.DialTime)
	stop := context.AfterFunc(e.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// Close ends all connections but the streams that were handed over, and all goroutines; it waits for handlers, whose
// contexts it ends.
func (e *Endpoint) Close() error {
	e.mu.Lock()
	e.mu.closed = true
	pools, open := e.mu.pools, e.mu.open
	e.mu.pools, e.mu.open = nil, map[io.Closer]struct{}{}
	e.mu.Unlock()
	e.stop()
	for c := range open {
		c.Close()
	}
	for _, p := range pools {
		p.close(ErrClosed)
	}
	e.running.Wait()
	e.pipes.close()
	return nil
}

var noDeadline time.Time
