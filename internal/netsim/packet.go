package netsim

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"
)

const (
	maxPacket = 65507 // bytes, as of UDP
	maxQueued = 1024  // packets that wait to be read; more are lost
)

// packetConn is a net.PacketConn.
type packetConn struct {
	host            *Host
	at              netip.AddrPort
	queue           []packet // by when they arrive
	closed          bool
	readBy, writeBy time.Time
	changed         signal
}

type packet struct {
	at    time.Time
	from  netip.AddrPort
	bytes []byte
}

func (c *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n := c.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		now := time.Now()
		switch {
		case c.closed:
			return 0, nil, c.failed("read", net.ErrClosed)
		case passed(c.readBy, now):
			return 0, nil, c.failed("read", os.ErrDeadlineExceeded)
		case len(c.queue) > 0 && !c.queue[0].at.After(now):
			p := c.queue[0]
			c.queue = slices.Delete(c.queue, 0, 1)
			return copy(b, p.bytes), net.UDPAddrFromAddrPort(p.from), nil
		}
		next := c.readBy
		if len(c.queue) > 0 {
			next = sooner(next, c.queue[0].at)
		}
		n.waitLocked(&c.changed, next, nil)
	}
}

func (c *packetConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	to, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return 0, c.failed("write", err)
	}
	n := c.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case c.closed:
		return 0, c.failed("write", net.ErrClosed)
	case passed(c.writeBy, time.Now()):
		return 0, c.failed("write", os.ErrDeadlineExceeded)
	case len(b) > maxPacket:
		return 0, c.failed("write", syscall.EMSGSIZE)
	}
	n.throwLocked(c.at, to, bytes.Clone(b))
	return len(b), nil
}

// Forge sends a packet that says it comes from somewhere else.
func (n *Net) Forge(from, to string, b []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.throwLocked(netip.MustParseAddrPort(from), netip.MustParseAddrPort(to), bytes.Clone(b))
}

// throwLocked sends a packet, which may not arrive.
func (n *Net) throwLocked(from, to netip.AddrPort, b []byte) {
	w := way{from.Addr(), to.Addr()}
	l := n.linkLocked(w)
	n.stats.Packets++
	n.stats.PacketBytes += int64(len(b))
	n.tappedLocked(Sent{From: from.String(), To: to.String(), Packet: true, Bytes: b})
	h := n.hosts[to.Addr()]
	if n.cuts[w] || h == nil || h.dead || n.rand.Float64() < l.Loss {
		n.stats.Lost++
		return
	}
	p := h.ports[to.Port()]
	if p == nil || p.packets.closed || len(p.packets.queue) >= maxQueued {
		n.stats.Lost++
		return
	}
	at := time.Now().Add(l.Latency)
	if l.Jitter > 0 {
		at = at.Add(time.Duration(n.rand.Int64N(int64(l.Jitter))))
	}
	p.packets.arriveLocked(packet{at, from, b})
}

func (c *packetConn) arriveLocked(p packet) {
	i := len(c.queue)
	for i > 0 && p.at.Before(c.queue[i-1].at) {
		i--
	}
	c.queue = slices.Insert(c.queue, i, p)
	c.changed.tell()
}

func (c *packetConn) Close() error {
	n := c.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if c.closed {
		return c.failed("close", net.ErrClosed)
	}
	c.closeLocked()
	return nil
}

func (c *packetConn) closeLocked() {
	c.queue, c.closed = nil, true
	c.changed.tell()
	c.host.freeLocked(c.at.Port())
}

func (c *packetConn) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Source: c.LocalAddr(), Err: err}
}

func (c *packetConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.at) }

func (c *packetConn) SetDeadline(t time.Time) error      { return c.setDeadlines(&t, &t) }
func (c *packetConn) SetReadDeadline(t time.Time) error  { return c.setDeadlines(&t, nil) }
func (c *packetConn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(nil, &t) }

func (c *packetConn) setDeadlines(read, write *time.Time) error {
	n := c.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if c.closed {
		return c.failed("set", net.ErrClosed)
	}
	if read != nil {
		c.readBy = *read
		c.changed.tell()
	}
	if write != nil {
		c.writeBy = *write
	}
	return nil
}
