package faultproxy

import (
	"io"
	"sync"
	"time"
)

// Pace is a server's rate: so many bytes a second for the bodies of all its answers together.
type Pace struct {
	perSecond int64
	mu        sync.Mutex
	free      time.Time // when the next bytes may go
	sent      int64
}

// NewPace returns a Pace of perSecond bytes a second.
func NewPace(perSecond int64) *Pace { return &Pace{perSecond: perSecond} }

// Fault passes requests on to a server that has this rate.
func (p *Pace) Fault() Fault {
	return func(x *exchange) {
		if resp, ok := x.ask(); ok {
			defer resp.Body.Close()
			x.header(resp, resp.ContentLength)
			x.body(&paced{resp.Body, x, p})
		}
	}
}

// Sent is how many bytes of bodies went out so far, also to who no longer wanted them.
func (p *Pace) Sent() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// catchUp is how far behind its rate a Pace makes up for: timers are late by some ms.
const catchUp = 20 * time.Millisecond

// take returns how long to wait before n bytes go.
func (p *Pace) take(n int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent += int64(n)
	now := time.Now()
	if late := now.Add(-catchUp); p.free.Before(late) {
		p.free = late
	}
	p.free = p.free.Add(time.Duration(int64(n) * int64(time.Second) / p.perSecond))
	return p.free.Sub(now)
}

type paced struct {
	io.Reader
	x *exchange
	p *Pace
}

func (r *paced) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if wait := r.p.take(n); n > 0 && wait > 0 && !r.x.wait(wait) {
		return 0, errCut
	}
	return n, err
}
