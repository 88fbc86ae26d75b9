package peer

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"github.com/millpond/millpond/peer/internal/ring"
)

// Network is what a mesh runs over: the operating system's, or one in memory.
type Network interface {
	// Listen opens one port for connections and for packets. Port 0 is any that is free for both.
	Listen(ctx context.Context, addr string) (net.Listener, net.PacketConn, error)
	// Dial connects to host:port.
	Dial(ctx context.Context, addr string) (net.Conn, error)
	// LookupHost and LookupSRV are those of net.Resolver.
	LookupHost(ctx context.Context, host string) ([]string, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// sharer is a Network in memory. What is the same for all its nodes they keep once, under names of their own.
type sharer interface{ Shared() *sync.Map }

// shared are the rings that the nodes of a network in memory have together: each takes 6.5 MiB, and a look at 2^18 slots.
func shared(n Network) *ring.Cache {
	s, ok := n.(sharer)
	if !ok {
		return nil
	}
	c, _ := s.Shared().LoadOrStore("peer: rings", &ring.Cache{})
	return c.(*ring.Cache)
}

// osNetwork is the operating system's. Where Config.Bind is one address, connections go out from it too: on a host with
// several, the others see a node at the one that it told them.
type osNetwork struct {
	net.Resolver
	from netip.Addr // invalid: whichever the system takes
}

func newOSNetwork(bind string) *osNetwork {
	n := &osNetwork{}
	if at, err := netip.ParseAddrPort(bind); err == nil && !at.Addr().IsUnspecified() {
		n.from = at.Addr()
	}
	return n
}

func (n *osNetwork) Dial(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	if to, err := netip.ParseAddrPort(addr); err == nil && n.from.IsValid() && n.from.Is4() == to.Addr().Is4() && n.from.IsLoopback() == to.Addr().IsLoopback() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(n.from, 0))
	}
	return d.DialContext(ctx, "tcp", addr)
}

// portTries is how often a port that is free for connections is looked for until it is free for packets, too.
const portTries = 16

func (*osNetwork) Listen(ctx context.Context, addr string) (net.Listener, net.PacketConn, error) {
	var lc net.ListenConfig
	var err error
	for range portTries {
		var l net.Listener
		if l, err = lc.Listen(ctx, "tcp", addr); err != nil {
			return nil, nil, err
		}
		var p net.PacketConn
		if p, err = lc.ListenPacket(ctx, "udp", l.Addr().String()); err == nil {
			return l, p, nil
		}
		_ = l.Close()
		if _, port, _ := net.SplitHostPort(addr); port != "0" {
			break
		}
	}
	return nil, nil, err
}
