package peer

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// advertised is the address that others are told: as configured, or where the node listens.
func (c Config) advertised(ctx context.Context, listening net.Addr) (netip.AddrPort, error) {
	bound, err := netip.ParseAddrPort(listening.String())
	if err != nil {
		return netip.AddrPort{}, err
	}
	bound = netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())
	if c.Advertise == "" {
		if bound.Addr().IsUnspecified() {
			ip, err := machineAddr()
			return netip.AddrPortFrom(ip, bound.Port()), err
		}
		return bound, nil
	}
	host, service, err := net.SplitHostPort(c.Advertise)
	if err != nil {
		return netip.AddrPort{}, err
	}
	ips, err := c.Network.LookupHost(ctx, host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("peer.Config.Advertise: %w", err)
	}
	ip, err := netip.ParseAddr(ips[0])
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if port == 0 {
		port = uint64(bound.Port())
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(port)), err
}

// machineAddr is the first private address of this machine, or the first that is not the loopback, or the loopback.
func machineAddr() (netip.Addr, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, err
	}
	best := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		ip := p.Addr().Unmap()
		if ip.IsPrivate() {
			return ip, nil
		}
		if best.IsLoopback() && ip.IsGlobalUnicast() {
			best = ip
		}
	}
	return best, nil
}
