package journaltest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/millpond/millpond/journal"
)

// Options of a Peer.
type Options struct {
	Zone  string
	Level uint32
}

// Peer is one node's side of the network: a journal.Peers.
type Peer struct {
	net *Network
	id  string
	o   Options

	down chan struct{} // closed by Crash and Leave

	mu struct {
		sync.Mutex
		left    bool
		meta    []byte
		server  journal.Server
		view    map[string]journal.Member
		changed chan struct{}
		conns   []*conn
	}
}

var errReset = errors.New("connection reset")

func newPeer(n *Network, id string, o Options) *Peer {
	p := &Peer{net: n, id: id, o: o, down: make(chan struct{})}
	p.mu.view = make(map[string]journal.Member)
	p.mu.changed = make(chan struct{})
	return p
}

func (p *Peer) isDown() bool {
	select {
	case <-p.down:
		return true
	default:
		return false
	}
}

func (p *Peer) end(left bool) {
	p.mu.Lock()
	p.mu.left = left
	conns := p.mu.conns
	p.mu.conns = nil
	p.mu.Unlock()
	if !p.isDown() {
		close(p.down)
	}
	for _, c := range conns {
		c.reset()
	}
}

// see takes over who is alive of them all.
func (p *Peer) see(all []journal.Member, alive map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range all {
		m.Alive = m.Alive && alive[m.ID]
		old, known := p.mu.view[m.ID]
		if !known && !m.Alive && !m.Left {
			continue // never heard of
		}
		if !m.Alive && !m.Left {
			m.Meta = old.Meta
		}
		m.Since = old.Since
		if !known || old.Alive != m.Alive || old.Left != m.Left {
			m.Since = time.Now()
		}
		p.mu.view[m.ID] = m
	}
	close(p.mu.changed)
	p.mu.changed = make(chan struct{})
}

// member is p as those see it that reach it.
func (p *Peer) member() journal.Member {
	p.mu.Lock()
	defer p.mu.Unlock()
	return journal.Member{ID: p.id, Alive: !p.isDown(), Left: p.mu.left, Zone: p.o.Zone, Level: p.o.Level, Meta: p.mu.meta}
}

// Members implements journal.Peers.
func (p *Peer) Members() []journal.Member {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []journal.Member
	for _, m := range p.mu.view {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b journal.Member) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Changed implements journal.Peers.
func (p *Peer) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.changed
}

func (p *Peer) announced() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.meta
}

// Announce implements journal.Peers.
func (p *Peer) Announce(meta []byte) error {
	if len(meta) > 64 {
		return fmt.Errorf("meta has %d bytes, at most 64", len(meta))
	}
	meta = slices.Clone(meta)
	p.mu.Lock()
	p.mu.meta = meta
	p.mu.Unlock()
	p.net.gossip(p)
	return nil
}

// hear takes over what another peer has announced, if it is thought to be alive.
func (p *Peer) hear(id string, meta []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m, known := p.mu.view[id]; known && m.Alive {
		m.Meta = meta
		p.mu.view[id] = m
		close(p.mu.changed)
		p.mu.changed = make(chan struct{})
	}
}

// Serve implements journal.Peers.
func (p *Peer) Serve(s journal.Server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.server = s
}

func (p *Peer) serves() journal.Server {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.server
}

// find returns the other side once the link is up.
func (p *Peer) find(ctx context.Context, id string) (*Peer, error) {
	for {
		up, changed := p.net.link(p.id, id)
		to := p.net.peer(id)
		switch {
		case p.isDown():
			return nil, fmt.Errorf("%w: %s is down", journal.ErrNotDelivered, p.id)
		case to == nil || up && (to.isDown() || to.serves() == nil):
			return nil, fmt.Errorf("%w: %s refuses connections", journal.ErrNotDelivered, id)
		case up:
			return to, nil
		}
		select {
		case <-changed:
		case <-p.down:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", journal.ErrNotDelivered, ctx.Err())
		}
	}
}

// Dial implements journal.Peers.
func (p *Peer) Dial(ctx context.Context, id string) (net.Conn, error) {
	to, err := p.find(ctx, id)
	if err != nil {
		return nil, err
	}
	mine, theirs := newConn(p, to)
	p.own(mine)
	to.own(theirs)
	go to.serves().ServeStream(p.id, theirs)
	return mine, nil
}

func (p *Peer) own(c *conn) {
	p.mu.Lock()
	p.mu.conns = append(slices.DeleteFunc(p.mu.conns, (*conn).isClosed), c)
	p.mu.Unlock()
	if p.isDown() {
		c.reset()
	}
}

// Call implements journal.Peers.
func (p *Peer) Call(ctx context.Context, id string, req []byte) ([]byte, error) {
	to, err := p.find(ctx, id)
	if err != nil {
		return nil, err
	}
	type answer struct {
		b   []byte
		err error
	}
	done := make(chan answer, 1)
	go func() {
		b, err := to.serves().ServeCall(ctx, p.id, slices.Clone(req))
		done <- answer{slices.Clone(b), err}
	}()
	select {
	case a := <-done:
		return a.b, p.back(ctx, to, a.err)
	case <-to.down:
		return nil, errReset
	case <-p.down:
		return nil, errReset
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// back waits until an answer can pass.
func (p *Peer) back(ctx context.Context, to *Peer, err error) error {
	for {
		up, changed := p.net.link(to.id, p.id)
		switch {
		case p.isDown() || to.isDown():
			return errReset
		case up:
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
