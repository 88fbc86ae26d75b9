package faultproxy

import (
	"io"
	"sync"
	"time"
)

// Rate passes requests on to a server that has perSecond bytes a second for the bodies of all its answers together.
func Rate(perSecond int64) Fault {
	p := &pace{perSecond: perSecond}
	return func(x *exchange) {
		if resp, ok := x.ask(); ok {
			defer resp.Body.Close()
			x.header(resp, resp.ContentLength)
			x.body(&paced{resp.Body, x, p})
		}
	}
}

// catchUp is how far behind its rate a pace makes up for: timers are late by some ms.
const catchUp = 20 * time.Millisecond

// pace says when the next bytes may go.
type pace struct {
	perSecond int64
	mu        sync.Mutex
	free      time.Time
}

// take returns how long to wait before n bytes go.
func (p *pace) take(n int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
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
	p *pace
}

func (r *paced) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if wait := r.p.take(n); n > 0 && wait > 0 && !r.x.wait(wait) {
		return 0, errCut
	}
	return n, err
}
