package netsim

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	firstPort = 40000 // of those given to who asks for none
	backlog   = 128   // connections that wait to be accepted
	giveUp    = 2 * time.Minute
)

// Host is one life of a machine with an address. It has the methods of a network as a mesh wants them.
type Host struct {
	net   *Net
	addr  netip.Addr
	ports map[uint16]*port
	next  uint16 // port to give out
	// dead hosts take part in nothing; vanished ones are dead, and the others hear nothing of it.
	dead, vanished bool
}

// port is what listens at one.
type port struct {
	listener *listener
	packets  *packetConn
}

// Addr is the host's address.
func (h *Host) Addr() string { return h.addr.String() }

// Shared is what the nodes on this network keep together.
func (h *Host) Shared() *sync.Map { return &h.net.shared }

// Listen opens a port for connections and packets at host:port; the host may be left out, and port 0 is any.
func (h *Host) Listen(_ context.Context, addr string) (net.Listener, net.PacketConn, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	number, err := h.choosePortLocked(addr)
	if err != nil {
		return nil, nil, &net.OpError{Op: "listen", Net: "tcp", Err: err}
	}
	at := netip.AddrPortFrom(h.addr, number)
	p := &port{listener: &listener{host: h, at: at}, packets: &packetConn{host: h, at: at}}
	h.ports[number] = p
	h.net.changed.tell()
	return p.listener, p.packets, nil
}

func (h *Host) choosePortLocked(addr string) (uint16, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, err
	}
	number, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return 0, err
	}
	if ip, err := netip.ParseAddr(host); host != "" && (err != nil || ip != h.addr && !ip.IsUnspecified()) {
		return 0, syscall.EADDRNOTAVAIL
	}
	if h.dead {
		return 0, syscall.ENETDOWN
	}
	if number == 0 {
		return h.freePortLocked(), nil
	}
	if h.ports[uint16(number)] != nil {
		return 0, syscall.EADDRINUSE
	}
	return uint16(number), nil
}

func (h *Host) freePortLocked() uint16 {
	for {
		free := h.next
		if h.next++; h.next == 0 {
			h.next = firstPort
		}
		if h.ports[free] == nil {
			return free
		}
	}
}

// Dial connects to host:port. It waits while nobody answers.
func (h *Host) Dial(ctx context.Context, addr string) (net.Conn, error) {
	c, err := h.dial(ctx, addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	return c, nil
}

func (h *Host) dial(ctx context.Context, addr string) (*conn, error) {
	to, err := h.resolve(addr)
	if err != nil {
		return nil, err
	}
	n := h.net
	w := way{h.addr, to.Addr()}
	n.mu.Lock()
	defer n.mu.Unlock()
	hopeless := time.Now().Add(giveUp)
	for {
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case h.dead:
			return nil, net.ErrClosed
		case passed(hopeless, time.Now()):
			return nil, syscall.ETIMEDOUT
		case n.stalledLocked(w):
			n.waitLocked(&n.changed, hopeless, ctx.Done())
			continue
		}
		if err := n.travelLocked(ctx, n.linkLocked(w).Latency+n.linkLocked(w.back()).Latency); err != nil {
			return nil, err
		}
		c, err := h.connectLocked(w, to)
		if !errors.Is(err, errNotNow) {
			return c, err
		}
		n.waitLocked(&n.changed, hopeless, ctx.Done())
	}
}

// errNotNow reports that a connection could not be made for now.
var errNotNow = errors.New("not now")

func (h *Host) connectLocked(w way, to netip.AddrPort) (*conn, error) {
	n := h.net
	if n.stalledLocked(w) || h.dead {
		return nil, errNotNow
	}
	p := n.hosts[to.Addr()].ports[to.Port()]
	switch {
	case p == nil || p.listener.closed:
		return nil, syscall.ECONNREFUSED
	case len(p.listener.waiting) >= backlog:
		return nil, errNotNow
	}
	here, there := n.pairLocked(w, netip.AddrPortFrom(h.addr, h.freePortLocked()), to)
	p.listener.waiting = append(p.listener.waiting, there)
	p.listener.changed.tell()
	return here, nil
}

// travelLocked lets some time pass.
func (n *Net) travelLocked(ctx context.Context, d time.Duration) error {
	var never signal
	for until := time.Now().Add(d); !passed(until, time.Now()); {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n.waitLocked(&never, until, ctx.Done())
	}
	return nil
}

// resolve takes host:port apart, of which the host may be a name.
func (h *Host) resolve(addr string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	ips, err := h.net.lookup(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.ParseAddrPort(net.JoinHostPort(ips[0], service))
}

// LookupHost is what SetName said.
func (h *Host) LookupHost(_ context.Context, host string) ([]string, error) {
	return h.net.lookup(host)
}

// LookupSRV is what SetSRV said.
func (h *Host) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	return h.net.lookupSRV(service, proto, name)
}

// Kill ends the host's life as the end of its process does: the others' connections to it are reset.
func (h *Host) Kill() { h.end(false) }

// Vanish ends the host's life as the loss of power does: the others hear nothing.
func (h *Host) Vanish() { h.end(true) }

func (h *Host) end(silently bool) {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if h.dead {
		return
	}
	now := time.Now()
	for p := range n.pairs {
		for _, e := range p.ends {
			if e.host == h && !e.closed {
				e.endLocked(silently, now)
			}
		}
	}
	for _, p := range h.ports {
		p.listener.closeLocked()
		p.packets.closeLocked()
	}
	h.dead, h.vanished = true, silently
	n.reroutedLocked()
}
