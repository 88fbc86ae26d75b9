package journaltest

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/millpond/millpond/journal"
)

// Network joins peers. Safe for concurrent use.
type Network struct {
	detect time.Duration

	mu struct {
		sync.Mutex
		peers   map[string]*Peer // the newest one of each id
		cut     map[[2]string]bool
		changed chan struct{} // closed when links or peers change
	}
}

// New returns a network whose members take detect to notice that another one does not answer.
func New(detect time.Duration) *Network {
	n := &Network{detect: detect}
	n.mu.peers = make(map[string]*Peer)
	n.mu.cut = make(map[[2]string]bool)
	n.mu.changed = make(chan struct{})
	return n
}

// Peer starts node id, for the first time or after a crash.
func (n *Network) Peer(id string, o Options) *Peer {
	p := newPeer(n, id, o)
	n.mu.Lock()
	n.mu.peers[id] = p
	n.turnLocked()
	n.mu.Unlock()
	n.refresh()
	return p
}

// Crash takes the newest peer of that id off the network for good: its connections are reset, its own calls fail.
func (n *Network) Crash(id string) { n.end(id, false) }

// Leave does so after a good-bye, which the others hear at once.
func (n *Network) Leave(id string) { n.end(id, true) }

func (n *Network) end(id string, left bool) {
	n.mu.Lock()
	p := n.mu.peers[id]
	n.turnLocked()
	n.mu.Unlock()
	p.end(left)
	n.later()
	if left {
		n.refresh()
	}
}

// Cut stops what goes from one node to another, both ways if both is set. Connections stay and are silent.
func (n *Network) Cut(from, to string, both bool) {
	n.links(func(cut map[[2]string]bool) {
		cut[[2]string{from, to}] = true
		if both {
			cut[[2]string{to, from}] = true
		}
	})
}

// Partition cuts all links between nodes of different groups.
func (n *Network) Partition(groups ...[]string) {
	n.links(func(cut map[[2]string]bool) {
		for i, a := range groups {
			for k, b := range groups {
				if i != k {
					cutAll(cut, a, b)
				}
			}
		}
	})
}

func cutAll(cut map[[2]string]bool, from, to []string) {
	for _, x := range from {
		for _, y := range to {
			cut[[2]string{x, y}] = true
		}
	}
}

// Heal mends all links; what was on its way arrives.
func (n *Network) Heal() { n.links(func(cut map[[2]string]bool) { clear(cut) }) }

func (n *Network) links(f func(cut map[[2]string]bool)) {
	n.mu.Lock()
	f(n.mu.cut)
	n.turnLocked()
	n.mu.Unlock()
	n.later()
}

func (n *Network) turnLocked() {
	close(n.mu.changed)
	n.mu.changed = make(chan struct{})
}

// later lets the members notice.
func (n *Network) later() { time.AfterFunc(n.detect, n.refresh) }

// gossip carries what a peer has announced to those that it reaches.
func (n *Network) gossip(p *Peer) {
	peers, links := n.graph()
	near := reachable(links, p.id)
	for _, o := range peers {
		if near[o.id] && !p.isDown() {
			o.hear(p.id, p.announced())
		}
	}
}

// refresh makes every peer's view what its links allow, others' links included.
func (n *Network) refresh() {
	peers, links := n.graph()
	var all []journal.Member
	for _, p := range peers {
		all = append(all, p.member())
	}
	for _, p := range peers {
		p.see(all, reachable(links, p.id))
	}
}

// graph is the peers, and which of them reach each other directly.
func (n *Network) graph() (peers []*Peer, links map[string][]string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	peers = slices.Collect(maps.Values(n.mu.peers))
	links = make(map[string][]string)
	for _, a := range peers {
		for _, b := range peers {
			if !a.isDown() && !b.isDown() && !n.mu.cut[[2]string{a.id, b.id}] && !n.mu.cut[[2]string{b.id, a.id}] {
				links[a.id] = append(links[a.id], b.id)
			}
		}
	}
	return peers, links
}

func reachable(links map[string][]string, from string) map[string]bool {
	seen, todo := map[string]bool{from: true}, []string{from}
	for len(todo) > 0 {
		id := todo[0]
		todo = todo[1:]
		for _, next := range links[id] {
			if !seen[next] {
				seen[next] = true
				todo = append(todo, next)
			}
		}
	}
	return seen
}

// link says whether bytes pass from one node to the other now, and what closes when that may have changed.
func (n *Network) link(from, to string) (up bool, changed <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.mu.cut[[2]string{from, to}], n.mu.changed
}

func (n *Network) peer(id string) *Peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.peers[id]
}
