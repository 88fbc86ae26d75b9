package faultproxy

import (
	"maps"
	"net"
	"net/http"
	"net/url"
	"sync"
)

// Proxy is an HTTP proxy in front of one server.
type Proxy struct {
	target    *url.URL
	kind      func(*http.Request) string
	transport *http.Transport
	server    *http.Server
	url       string
	running   sync.WaitGroup
	mu        struct {
		sync.Mutex
		counts map[string]int
		rules  []*rule
		closed bool
	}
}

// Start starts a proxy on a free port of loopback in front of target, "http://host:port". kind names a request's kind
// for its count, and for rules; nil: its method.
func Start(target string, kind func(*http.Request) string) (*Proxy, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	if kind == nil {
		kind = func(r *http.Request) string { return r.Method }
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: u, kind: kind, url: "http://" + l.Addr().String()}
	p.transport = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 256, WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10}
	p.server = &http.Server{Handler: http.HandlerFunc(p.serve)}
	p.mu.counts = map[string]int{}
	p.running.Go(func() { p.server.Serve(l) })
	return p, nil
}

// URL is where the proxy listens.
func (p *Proxy) URL() string { return p.url }

// Counts are the requests that came since the last Reset, by kind, whatever became of them.
func (p *Proxy) Counts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.mu.counts)
}

// Reset forgets counts and rules.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.counts, p.mu.rules = map[string]int{}, nil
}

// Close ends all connections.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.mu.closed = true
	p.mu.Unlock()
	err := p.server.Close()
	p.running.Wait()
	p.transport.CloseIdleConnections()
	return err
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	x := &exchange{p: p, w: w, r: r}
	if !p.enter() {
		x.reset()
		return
	}
	defer p.running.Done()
	fault := p.choose(r)
	if fault == nil {
		fault = pass
	}
	fault(x)
}

// enter lets a request in that Close will wait for.
func (p *Proxy) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.mu.closed {
		p.running.Add(1)
	}
	return !p.mu.closed
}
