package netsim

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// pair is a connection with its two ends.
type pair struct {
	ends    [2]*conn
	changed signal
}

// conn is one end: a net.Conn.
type conn struct {
	host            *Host
	pair            *pair
	way             way
	from, to        netip.AddrPort
	in, out         *pipe
	closed          bool
	readBy, writeBy time.Time
}

func (n *Net) pairLocked(w way, from, to netip.AddrPort) (here, there *conn) {
	p := &pair{}
	forth := &pipe{link: n.linkLocked(w), changed: &p.changed}
	back := &pipe{link: n.linkLocked(w.back()), changed: &p.changed}
	here = &conn{host: n.hosts[w.from], pair: p, way: w, from: from, to: to, in: back, out: forth}
	there = &conn{host: n.hosts[w.to], pair: p, way: w.back(), from: to, to: from, in: forth, out: back}
	p.ends = [2]*conn{here, there}
	n.pairs[p] = struct{}{}
	n.stats.Conns++
	return here, there
}

func (p *pair) rerouteLocked(now time.Time, stalled bool) {
	p.ends[0].out.stallLocked(stalled, now)
	p.ends[1].out.stallLocked(stalled, now)
}

// resetLocked lets the reader of a pipe know that nobody is at the other end.
func (p *pair) resetLocked(out *pipe, now time.Time) { out.sendLocked(piece{reset: true}, now, false) }

// endLocked closes this end because its process or its machine is gone.
func (c *conn) endLocked(silently bool, now time.Time) {
	c.closed = true
	c.pair.changed.tell()
	if !silently {
		c.in.emptyLocked()
		c.pair.resetLocked(c.out, now)
	}
	c.forgetLocked()
}

// forgetLocked drops the connection when both ends are closed.
func (c *conn) forgetLocked() {
	if c.pair.ends[0].closed && c.pair.ends[1].closed {
		delete(c.host.net.pairs, c.pair)
	}
}

func (c *conn) Read(b []byte) (int, error) {
	n := c.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		now := time.Now()
		c.in.arriveLocked(now)
		switch {
		case c.closed:
			return 0, c.failed("read", net.ErrClosed)
		case passed(c.readBy, now):
			return 0, c.failed("read", os.ErrDeadlineExceeded)
		case len(b) == 0:
			return 0, nil
		case c.in.reset:
			return 0, c.failed("read", syscall.ECONNRESET)
		case len(c.in.unread) > 0:
			return c.in.readLocked(b), nil
		case c.in.ended:
			return 0, io.EOF
		}
		n.waitLocked(&c.pair.changed, sooner(c.readBy, c.in.nextLocked()), nil)
	}
}

func (c *conn) Write(b []byte) (int, error) {
	n := c.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	for sent := 0; ; {
		now := time.Now()
		c.in.arriveLocked(now)
		switch {
		case c.closed:
			return sent, c.failed("write", net.ErrClosed)
		case passed(c.writeBy, now):
			return sent, c.failed("write", os.ErrDeadlineExceeded)
		case c.in.reset:
			return sent, c.failed("write", syscall.ECONNRESET)
		case c.in.ended && c.peerLocked().closed:
			return sent, c.failed("write", syscall.EPIPE)
		case sent == len(b):
			return sent, nil
		}
		if room := window - c.out.held; room > 0 {
			k := min(room, segment, len(b)-sent)
			c.sendLocked(bytes.Clone(b[sent:sent+k]), now)
			sent += k
			continue
		}
		n.waitLocked(&c.pair.changed, sooner(c.writeBy, c.in.nextLocked()), nil)
	}
}

func (c *conn) sendLocked(b []byte, now time.Time) {
	n := c.host.net
	n.stats.ConnBytes += int64(len(b))
	n.tappedLocked(Sent{From: c.from.String(), To: c.to.String(), Bytes: b})
	if c.peerLocked().closed && !c.out.stalled {
		return // nobody will read it
	}
	c.out.sendLocked(piece{bytes: b}, now, n.rand.Float64() < c.out.link.Loss)
}

func (c *conn) peerLocked() *conn {
	if c.pair.ends[0] == c {
		return c.pair.ends[1]
	}
	return c.pair.ends[0]
}

// Close lets the other end read what was written, and then the end.
func (c *conn) Close() error {
	n := c.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if c.closed {
		return c.failed("close", net.ErrClosed)
	}
	c.closed = true
	c.in.emptyLocked()
	c.out.sendLocked(piece{end: true}, time.Now(), false)
	c.forgetLocked()
	return nil
}

// failed is an error as the net package makes it.
func (c *conn) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

func (c *conn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.from) }
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.to) }

func (c *conn) SetDeadline(t time.Time) error      { return c.setDeadlines(&t, &t) }
func (c *conn) SetReadDeadline(t time.Time) error  { return c.setDeadlines(&t, nil) }
func (c *conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(nil, &t) }

func (c *conn) setDeadlines(read, write *time.Time) error {
	n := c.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if c.closed {
		return c.failed("set", net.ErrClosed)
	}
	if read != nil {
		c.readBy = *read
	}
	if write != nil {
		c.writeBy = *write
	}
	c.pair.changed.tell()
	return nil
}
