package netsim

import (
	"net/netip"
	"time"
)

// Link is how one direction between two hosts works.
type Link struct {
	Latency time.Duration
	Jitter  time.Duration // up to this much more for each packet, so that they arrive out of order
	Loss    float64       // part of packets that do not arrive; of a connection's segments, part that is sent again
	Rate    int64         // bytes per second of each connection; 0: without bound
}

// Usual is a local network.
var Usual = Link{Latency: 100 * time.Microsecond}

// resend is how late a segment is that had to be sent again: TCP's least.
const resend = 200 * time.Millisecond

// SetAll makes every link without one of its own work like this.
func (n *Net) SetAll(l Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.usual = l
	n.relinkedLocked()
}

// SetLink makes both directions between two addresses work like this.
func (n *Net) SetLink(a, b string, l Link) {
	w := wayOf(a, b)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[w], n.links[w.back()] = l, l
	n.relinkedLocked()
}

// relinkedLocked lets open connections work as their links do now. What is under way arrives as it would have.
func (n *Net) relinkedLocked() {
	for p := range n.pairs {
		for _, e := range p.ends {
			e.out.link = n.linkLocked(e.way)
		}
	}
}

func (n *Net) linkLocked(w way) Link {
	if w.from == w.to {
		return Link{}
	}
	if l, ok := n.links[w]; ok {
		return l
	}
	return n.usual
}

// Cut lets nothing pass between two addresses.
func (n *Net) Cut(a, b string) {
	w := wayOf(a, b)
	n.cut(w, w.back())
}

// OneWay lets nothing pass from one address to another; the other direction works.
func (n *Net) OneWay(from, to string) { n.cut(wayOf(from, to)) }

// Partition lets hosts reach only those that share a group with them. An address may be in several groups, which makes
// the partition partial; one in no group is reached by all.
func (n *Net) Partition(groups ...[]string) {
	in := map[netip.Addr]map[int]bool{}
	for i, g := range groups {
		for _, a := range g {
			addr := netip.MustParseAddr(a)
			if in[addr] == nil {
				in[addr] = map[int]bool{}
			}
			in[addr][i] = true
		}
	}
	var ways []way
	for a, as := range in {
		for b, bs := range in {
			if !meet(as, bs) {
				ways = append(ways, way{a, b})
			}
		}
	}
	n.cut(ways...)
}

func meet(a, b map[int]bool) bool {
	for i := range a {
		if b[i] {
			return true
		}
	}
	return false
}

// Heal lets everything pass again; links stay as slow as they are.
func (n *Net) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cuts = map[way]bool{}
	n.reroutedLocked()
}

func (n *Net) cut(ways ...way) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range ways {
		n.cuts[w] = true
	}
	n.reroutedLocked()
}

// reroutedLocked tells connections, and who is connecting, that cuts have changed.
func (n *Net) reroutedLocked() {
	now := time.Now()
	for p := range n.pairs {
		p.rerouteLocked(now, n.stalledLocked(p.ends[0].way))
	}
	n.changed.tell()
}

// stalledLocked reports whether a connection over w makes no progress: what arrives must be acknowledged, too.
func (n *Net) stalledLocked(w way) bool {
	return n.cuts[w] || n.cuts[w.back()] || n.silentLocked(w.from) || n.silentLocked(w.to)
}

// silentLocked reports whether there is no machine at an address, or one without power.
func (n *Net) silentLocked(a netip.Addr) bool {
	h := n.hosts[a]
	return h == nil || h.vanished
}

func wayOf(from, to string) way { return way{netip.MustParseAddr(from), netip.MustParseAddr(to)} }
