package netsim

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Net is a network. Its one lock guards everything in it: a test's hosts share few processors.
type Net struct {
	mu      sync.Mutex
	rand    *rand.Rand
	hosts   map[netip.Addr]*Host
	names   map[string][]string
	records map[string][]*net.SRV
	usual   Link
	links   map[way]Link
	cuts    map[way]bool
	pairs   map[*pair]struct{} // connections with an open end
	changed signal             // hosts, listeners or cuts
	tap     func(Sent)
	stats   Stats
	shared  sync.Map
}

// way is from one host to another.
type way struct{ from, to netip.Addr }

func (w way) back() way { return way{w.to, w.from} }

// New makes a network in which every link is Usual. seed decides which packets are lost.
func New(seed uint64) *Net {
	return &Net{
		rand:    rand.New(rand.NewPCG(seed, 0)),
		hosts:   map[netip.Addr]*Host{},
		names:   map[string][]string{},
		records: map[string][]*net.SRV{},
		usual:   Usual,
		links:   map[way]Link{},
		cuts:    map[way]bool{},
		pairs:   map[*pair]struct{}{},
	}
}

// Host is the one with an address, "10.0.0.1" for example. It is made if there is none, or if its life has ended.
func (n *Net) Host(ip string) *Host {
	addr := netip.MustParseAddr(ip)
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.hosts[addr]; h != nil && !h.dead {
		return h
	}
	n.returnsLocked(addr)
	h := &Host{net: n, addr: addr, ports: map[uint16]*port{}, next: firstPort}
	n.hosts[addr] = h
	n.reroutedLocked()
	return h
}

// returnsLocked resets the connections of an earlier life that vanished: a machine that starts again knows none of them.
func (n *Net) returnsLocked(addr netip.Addr) {
	for p := range n.pairs {
		for i := range p.ends {
			if e := p.ends[i]; e.way.from == addr && e.closed {
				p.resetLocked(e.out, time.Now())
			}
		}
	}
}

// SetName makes a name of DNS have some addresses; without any it is unknown.
func (n *Net) SetName(name string, ips ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[name] = ips
}

// SetSRV makes an SRV record, of "_mesh._tcp.example.org" for example.
func (n *Net) SetSRV(name string, records ...*net.SRV) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.records[name] = records
}

func (n *Net) lookup(name string) ([]string, error) {
	if _, err := netip.ParseAddr(name); err == nil {
		return []string{name}, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if ips := n.names[name]; len(ips) > 0 {
		return append([]string(nil), ips...), nil
	}
	return nil, unknownName(name)
}

func (n *Net) lookupSRV(service, proto, name string) (string, []*net.SRV, error) {
	full := fmt.Sprintf("_%s._%s.%s", service, proto, name)
	n.mu.Lock()
	defer n.mu.Unlock()
	if r := n.records[full]; len(r) > 0 {
		return full, append([]*net.SRV(nil), r...), nil
	}
	return "", nil, unknownName(full)
}

func unknownName(name string) error {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}
