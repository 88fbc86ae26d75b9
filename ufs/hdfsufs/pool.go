package hdfsufs

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"
)

const (
	// maxIdle is how many sessions wait for a next call: as many as ufs makes at a time.
	maxIdle = 64
	// idleTime is how long they do. Each asks its NameNode once a second to keep leases that it has not.
	idleTime = 3 * time.Second
)

// pool has the sessions that nobody uses at the moment.
type pool struct {
	o    clientOptions
	dial dialer
	mu   struct {
		sync.Mutex
		idle   []*idle  // the one used last at the end
		order  []string // the NameNodes, the one that answered last in front
		closed bool
	}
}

// idle is a session that waits until its timer ends it.
type idle struct {
	x     *session
	timer *time.Timer
}

func newPool(o clientOptions, d dialer) *pool {
	p := &pool{o: o, dial: d}
	p.mu.order = o.lib.Addresses
	return p
}

// take hands out a session that lives until ctx ends or it is given back.
func (p *pool) take(ctx context.Context) (*lent, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	x, order, err := p.waiting()
	if err != nil {
		return nil, err
	}
	if x != nil {
		return &lent{x, x.conns.bind(ctx)}, nil
	}
	o := p.o
	o.lib.Addresses = order
	c := newConns(p.dial)
	release := c.bind(ctx)
	if x, err = newSession(o, c); err != nil {
		release()
		return nil, err
	}
	return &lent{x, release}, nil
}

// waiting is the session that was used last, of those that work; nil for none, and the NameNodes in the order to ask them.
func (p *pool) waiting() (x *session, order []string, err error) {
	for {
		x, order, err = p.pop()
		if x == nil || x.conns.dead() == nil {
			return x, order, err
		}
		x.end()
	}
}

func (p *pool) pop() (x *session, order []string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.mu.idle) - 1
	switch {
	case p.mu.closed:
		return nil, nil, fs.ErrClosed
	case n < 0:
		return nil, p.mu.order, nil
	}
	i := p.mu.idle[n]
	i.timer.Stop()
	p.mu.idle = p.mu.idle[:n]
	return i.x, nil, nil
}

// lent is a session that is in use.
type lent struct {
	*session
	release func() bool
}

// give takes a session back from who got err of it.
func (p *pool) give(l *lent, err error) {
	if !l.release() || l.conns.dead() != nil || !answered(err) || !p.keep(l.session) {
		l.end()
	}
}

// keep reports whether there was room for one more.
func (p *pool) keep(x *session) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed || len(p.mu.idle) == maxIdle {
		return false
	}
	if addr, _ := x.conns.namenode(); addr != p.mu.order[0] {
		rest := slices.DeleteFunc(slices.Clone(p.mu.order), func(a string) bool { return a == addr })
		p.mu.order = append([]string{addr}, rest...)
	}
	i := &idle{x: x}
	i.timer = time.AfterFunc(idleTime, func() { p.expire(i) })
	p.mu.idle = append(p.mu.idle, i)
	return true
}

func (p *pool) expire(i *idle) {
	p.mu.Lock()
	n := slices.Index(p.mu.idle, i)
	if n >= 0 {
		p.mu.idle = slices.Delete(p.mu.idle, n, n+1)
	}
	p.mu.Unlock()
	if n >= 0 {
		i.x.end()
	}
}

// close ends the sessions that wait; those in use end when they are given back.
func (p *pool) close() error {
	p.mu.Lock()
	all := p.mu.idle
	p.mu.idle, p.mu.closed = nil, true
	p.mu.Unlock()
	for _, i := range all {
		i.timer.Stop()
		i.x.end()
	}
	return nil
}

// call makes a call by a session.
func (s *store) call(ctx context.Context, do func(x *session) error) error {
	x, err := s.pool.take(ctx)
	if err != nil {
		return err
	}
	err = do(x.session)
	explained := x.explain(err)
	s.pool.give(x, explained)
	return explained
}

// lost reports whether a call may or may not have happened.
func lost(err error) bool {
	_, is := errors.AsType[*lostError](err)
	return is
}
