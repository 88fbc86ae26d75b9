package link_test

import (
	"context"
	"net"
	"sync"
)

// tap keeps all that its connections carry.
type tap struct {
	mu   sync.Mutex
	seen []byte
}

func (p *tap) dial(ctx context.Context, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return tapped{c, p}, nil
}

func (p *tap) bytes() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]byte(nil), p.seen...)
}

func (p *tap) see(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, b...)
}

type tapped struct {
	net.Conn
	p *tap
}

func (c tapped) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.p.see(b[:n])
	return n, err
}

func (c tapped) Write(b []byte) (int, error) {
	c.p.see(b)
	return c.Conn.Write(b)
}

// sent taps only what is written.
func (p *tap) sent(ctx context.Context, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	return writes{c, p}, err
}

type writes struct {
	net.Conn
	p *tap
}

func (c writes) Write(b []byte) (int, error) {
	c.p.see(b)
	return c.Conn.Write(b)
}
