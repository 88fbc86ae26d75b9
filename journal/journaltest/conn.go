package journaltest

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// window is how many bytes may be on their way before a writer waits, as a socket's buffers would have it.
const window = 1 << 20

// half is one direction of a connection.
type half struct {
	net      *Network
	from, to string

	mu struct {
		sync.Mutex
		buf     []byte
		ended   bool // the writer has closed
		deaf    bool // the reader has closed
		reset   bool
		changed chan struct{}
	}
}

func newHalf(n *Network, from, to string) *half {
	h := &half{net: n, from: from, to: to}
	h.mu.changed = make(chan struct{})
	return h
}

// do calls f until it says that it is done, at each change of the half or of the links.
func (h *half) do(d *deadline, f func(up bool) (done bool, err error)) error {
	for {
		up, linked := h.net.link(h.from, h.to)
		h.mu.Lock()
		if h.mu.reset {
			h.mu.Unlock()
			return errReset
		}
		done, err := f(up)
		if done {
			close(h.mu.changed)
			h.mu.changed = make(chan struct{})
		}
		changed := h.mu.changed
		h.mu.Unlock()
		if done || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-linked:
		case <-d.wait():
			if d.passed() {
				return os.ErrDeadlineExceeded
			}
		}
	}
}

func (h *half) end(reset bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.ended = true
	h.mu.reset = h.mu.reset || reset
	close(h.mu.changed)
	h.mu.changed = make(chan struct{})
}

// conn is one side of a connection.
type conn struct {
	self, peer string
	in, out    *half
	read       deadline
	write      deadline
	closed     chan struct{}
	once       sync.Once
}

func newConn(a, b *Peer) (mine, theirs *conn) {
	there, back := newHalf(a.net, a.id, b.id), newHalf(a.net, b.id, a.id)
	side := func(self, peer string, in, out *half) *conn {
		c := &conn{self: self, peer: peer, in: in, out: out, closed: make(chan struct{})}
		c.read.init()
		c.write.init()
		return c
	}
	return side(a.id, b.id, back, there), side(b.id, a.id, there, back)
}

func (c *conn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (n int, err error) {
	err = c.in.do(&c.read, func(up bool) (bool, error) {
		m := &c.in.mu
		switch {
		case c.isClosed():
			return false, net.ErrClosed
		case up && len(m.buf) > 0:
			n = copy(p, m.buf)
			m.buf = m.buf[n:]
			return true, nil
		case up && m.ended:
			return false, io.EOF
		}
		return false, nil
	})
	return n, err
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		err = c.out.do(&c.write, func(up bool) (bool, error) {
			m := &c.out.mu
			switch {
			case c.isClosed() || m.ended:
				return false, net.ErrClosed
			case up && m.deaf:
				return false, errReset
			}
			room := min(window-len(m.buf), len(p)-n)
			m.buf = append(m.buf, p[n:n+room]...)
			n += room
			return room > 0, nil
		})
	}
	return n, err
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	c.out.end(false)
	c.in.deafen()
	return nil
}

func (h *half) deafen() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.deaf = true
	close(h.mu.changed)
	h.mu.changed = make(chan struct{})
}

func (c *conn) reset() {
	c.in.end(true)
	c.out.end(true)
}

func (c *conn) LocalAddr() net.Addr  { return addr(c.self) }
func (c *conn) RemoteAddr() net.Addr { return addr(c.peer) }

func (c *conn) SetDeadline(t time.Time) error {
	c.read.set(t)
	c.write.set(t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error  { c.read.set(t); return nil }
func (c *conn) SetWriteDeadline(t time.Time) error { c.write.set(t); return nil }

type addr string

func (addr) Network() string  { return "test" }
func (a addr) String() string { return string(a) }

// deadline is when a read or a write gives up.
type deadline struct {
	mu struct {
		sync.Mutex
		at    time.Time
		timer *time.Timer
		fired chan struct{} // closed when it has passed, or been set anew
	}
}

func (d *deadline) init() { d.mu.fired = make(chan struct{}) }

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.timer != nil {
		d.mu.timer.Stop()
		d.mu.timer = nil
	}
	close(d.mu.fired)
	fired := make(chan struct{})
	d.mu.at, d.mu.fired = t, fired
	if !t.IsZero() {
		d.mu.timer = time.AfterFunc(time.Until(t), func() { d.fire(fired) })
	}
}

func (d *deadline) fire(fired chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.fired == fired {
		close(fired)
		d.mu.fired = make(chan struct{})
	}
}

func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.mu.at.IsZero() && !time.Now().Before(d.mu.at) {
		past := make(chan struct{})
		close(past)
		return past
	}
	return d.mu.fired
}

func (d *deadline) passed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.mu.at.IsZero() && !time.Now().Before(d.mu.at)
}
