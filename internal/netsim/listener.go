package netsim

import (
	"net"
	"net/netip"
	"time"
)

// listener is a net.Listener.
type listener struct {
	host    *Host
	at      netip.AddrPort
	waiting []*conn
	closed  bool
	changed signal
}

func (l *listener) Accept() (net.Conn, error) {
	n := l.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		if l.closed {
			return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
		}
		if len(l.waiting) > 0 {
			c := l.waiting[0]
			l.waiting = l.waiting[1:]
			n.changed.tell()
			return c, nil
		}
		n.waitLocked(&l.changed, time.Time{}, nil)
	}
}

func (l *listener) Close() error {
	n := l.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.closed {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
	l.closeLocked()
	return nil
}

func (l *listener) closeLocked() {
	for _, c := range l.waiting {
		if !c.closed {
			c.endLocked(false, time.Now())
		}
	}
	l.waiting, l.closed = nil, true
	l.changed.tell()
	l.host.freeLocked(l.at.Port())
}

// freeLocked gives a port back when nothing uses it.
func (h *Host) freeLocked(number uint16) {
	if p := h.ports[number]; p != nil && p.listener.closed && p.packets.closed {
		delete(h.ports, number)
	}
}

func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.at) }
