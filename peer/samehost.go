package peer

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
)

// sameHost is a Network on which nodes of one host have a shorter way to each other.
type sameHost interface {
	// ListenHere takes connections of nodes of this host that know this one by addr.
	ListenHere(ctx context.Context, addr netip.AddrPort) (net.Listener, error)
	// DialHere connects to the node of this host that is known by addr, and fails at once if there is none.
	DialHere(ctx context.Context, addr string) (net.Conn, error)
}

// sameHost is nil if there is no shorter way, or it is not wanted.
func (c *Config) sameHost() sameHost {
	if c.TCPOnly {
		return nil
	}
	n, _ := c.Network.(sameHost)
	return n
}

// dialHere is link.Config's.
func (c *Config) dialHere() func(context.Context, string) (net.Conn, error) {
	if n := c.sameHost(); n != nil {
		return n.DialHere
	}
	return nil
}

// listenHere listens to nodes of this host; nil: they come as all others do. They know this node by addr, which must not be that of
// something before it, as a proxy, that they would pass by.
func (c *Config) listenHere(ctx context.Context, addr netip.AddrPort, bound net.Addr) net.Listener {
	n := c.sameHost()
	if n == nil || !answersAt(bound, addr) {
		return nil
	}
	l, err := n.ListenHere(ctx, addr)
	switch {
	case err == nil:
		return l
	case !errors.Is(err, errors.ErrUnsupported):
		c.Logger.Warn("nodes of this host are served over TCP alone", "err", err)
	}
	return nil
}

// answersAt reports whether who listens at bound is who answers at addr.
func answersAt(bound net.Addr, addr netip.AddrPort) bool {
	b, err := netip.ParseAddrPort(bound.String())
	switch {
	case err != nil || b.Port() != addr.Port():
		return false
	case !b.Addr().IsUnspecified():
		return b.Addr().Unmap() == addr.Addr()
	case b.Addr().Is4() && !addr.Addr().Is4():
		return false
	}
	return ofThisHost(addr.Addr())
}

// ofThisHost reports whether ip is an address of this host, now.
func ofThisHost(ip netip.Addr) bool {
	if ip.IsLoopback() {
		return true
	}
	all, _ := net.InterfaceAddrs()
	return slices.ContainsFunc(all, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap() == ip
	})
}
