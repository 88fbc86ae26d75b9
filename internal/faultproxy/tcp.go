package faultproxy

import (
	"io"
	"net"
	"sync"
	"time"
)

// TCP is a proxy of connections in front of one address.
type TCP struct {
	target  string
	l       net.Listener
	running sync.WaitGroup
	mu      struct {
		sync.Mutex
		fault  ConnFault
		times  int // connections that still meet fault; -1: all
		down   bool
		closed bool
		conns  map[net.Conn]struct{}
		count  int
	}
	done chan struct{}
}

// ConnFault is what happens to what the server sends on one connection.
type ConnFault struct {
	Delay time.Duration // before each piece
	Flip  int64         // this byte, the first is 1, arrives with its lowest bit the other way round; 0: none
	After int64         // so many bytes pass; with Then nil all do
	Then  ConnEnd
}

// ConnEnd ends a connection, or does not: it returns when done is closed.
type ConnEnd func(client net.Conn, done <-chan struct{})

// ConnReset resets the connection; ConnStall leaves it open and silent.
func ConnReset(client net.Conn, _ <-chan struct{}) { hangUp(client) }

// ConnStall leaves the connection open, and silent.
func ConnStall(_ net.Conn, done <-chan struct{}) { <-done }

// StartTCP starts a proxy on a free port of loopback in front of target, "host:port".
func StartTCP(target string) (*TCP, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &TCP{target: target, l: l, done: make(chan struct{})}
	p.mu.conns = map[net.Conn]struct{}{}
	p.running.Go(p.accept)
	return p, nil
}

// Addr is where the proxy listens.
func (p *TCP) Addr() string { return p.l.Addr().String() }

// Connections counts those that came.
func (p *TCP) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.count
}

// Break lets the next connections, times of them, meet f; times 0: all.
func (p *TCP) Break(f ConnFault, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.fault, p.mu.times = f, times
	if times == 0 {
		p.mu.times = -1
	}
}

// Down resets all connections, and each new one, until Up.
func (p *TCP) Down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.down = true
	for c := range p.mu.conns {
		hangUp(c)
	}
}

// Up lets connections through again.
func (p *TCP) Up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.down = false
}

// Close ends all connections.
func (p *TCP) Close() error {
	p.mu.Lock()
	if p.mu.closed {
		p.mu.Unlock()
		return nil
	}
	p.mu.closed = true
	close(p.done)
	for c := range p.mu.conns {
		hangUp(c)
	}
	p.mu.Unlock()
	err := p.l.Close()
	p.running.Wait()
	return err
}

func (p *TCP) accept() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		if fault, ok := p.enter(client); ok {
			p.running.Go(func() { p.connect(client, fault) })
		}
	}
}

// enter takes a connection in, or hangs up.
func (p *TCP) enter(client net.Conn) (ConnFault, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.count++
	if p.mu.down || p.mu.closed {
		hangUp(client)
		return ConnFault{}, false
	}
	p.mu.conns[client] = struct{}{}
	if p.mu.times == 0 {
		return ConnFault{}, true
	}
	if p.mu.times > 0 {
		p.mu.times--
	}
	return p.mu.fault, true
}

func (p *TCP) leave(client net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.mu.conns, client)
}

// connect joins client and server until one of them ends.
func (p *TCP) connect(client net.Conn, f ConnFault) {
	defer p.leave(client)
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		hangUp(client)
		return
	}
	var up sync.WaitGroup
	up.Go(func() {
		io.Copy(server, client)
		server.Close() // which ends the other direction
	})
	p.answers(client, server, f)
	client.Close()
	up.Wait()
}

// answers copies what the server sends, as f wants it.
func (p *TCP) answers(client, server net.Conn, f ConnFault) {
	var from io.Reader = server
	if f.Then != nil {
		from = io.LimitReader(server, f.After)
	}
	buf := make([]byte, 64<<10)
	for flip := f.Flip - 1; ; {
		n, err := from.Read(buf)
		if n > 0 {
			if flip >= 0 && flip < int64(n) {
				buf[flip] ^= 1
			}
			flip -= int64(n)
			if !p.wait(f.Delay) {
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			break
		}
	}
	if f.Then != nil {
		f.Then(client, p.done)
	}
}

// wait is false when the proxy closes first.
func (p *TCP) wait(d time.Duration) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.done:
		return false
	}
}

// hangUp resets a connection.
func hangUp(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}
