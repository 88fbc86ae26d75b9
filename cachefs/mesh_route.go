package cachefs

import (
	"slices"
	"time"

	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

// role says on whose behalf a block is brought, and so who else is asked for it.
type role uint8

const (
	asReader role = iota // a reader here wants it: the owner brings it, for all
	asOwner              // a peer asks us to bring it, as the owner
	asAlone              // a peer asks us to bring it and has asked the others, or will
	asGuest              // a reader here wants it and nobody is to keep it: whoever has it already
)

// ask is one question to a peer.
type ask struct {
	peer  string
	fill  bool // bring it if you lack it
	alone bool // and ask nobody else
	owned bool // and only if you own it, or have of late: see peer.Mesh.Owned
	only  bool // nobody else can have it
}

// successors are how many members of the ring are asked to bring a block before this node does so itself: the second is
// the owner to be if the first has died.
const successors = 2

// route lists whom to ask for a block before the store is, in this order: the owner, the one before the ring's last
// change, the homes, and whoever owns it next. from is the peer that asks us, "" if none does.
func (m *mesh) route(key peer.Key, as role, from string, homes []string) []ask {
	if as == asAlone {
		return nil
	}
	r := router{skip: []string{m.n.id, from}}
	var ids [successors]string
	owners := m.owners(ids[:0], key, successors)
	before, fresh := m.previous(key)
	mine := as == asOwner || as == asReader && len(owners) > 0 && owners[0] == m.n.id
	switch {
	case mine && fresh: // who still takes that node for the owner asks it as well: let one node bring it
		r.add(ask{peer: before, fill: true, alone: true, owned: true})
	case !mine && len(owners) > 0:
		r.add(ask{peer: owners[0], fill: as == asReader})
		if fresh {
			r.add(ask{peer: before})
		}
	}
	for _, id := range homes {
		r.add(ask{peer: id})
	}
	if as == asReader && !mine {
		for _, id := range owners[min(1, len(owners)):] {
			if id == m.n.id { // the store is next
				break
			}
			r.add(ask{peer: id, fill: true, alone: true})
		}
	}
	if !mine && as != asOwner {
		r.asks = m.amongCopies(key, r.asks)
	}
	return m.reliable(r.asks)
}

// router collects questions, one for each peer.
type router struct {
	asks []ask
	skip []string
}

func (r *router) add(a ask) {
	if !slices.Contains(r.skip, a.peer) {
		r.asks, r.skip = append(r.asks, a), append(r.skip, a.peer)
	}
}

// others lists everybody else, to be asked for what this node cannot bring: fill says whether they could.
func (m *mesh) others(from string, fill bool) (asks []ask) {
	for _, p := range m.p.Members() {
		if p.State == peer.Alive && p.ID != m.n.id && p.ID != from {
			asks = append(asks, ask{peer: p.ID, fill: fill, alone: true})
		}
	}
	return m.reliableFirst(asks)
}

// reliable leaves out peers that failed of late.
func (m *mesh) reliable(asks []ask) []ask {
	now := time.Now()
	return slices.DeleteFunc(asks, func(a ask) bool { return m.of(a.peer).avoided(now) })
}

// reliableFirst moves peers that failed of late to the end.
func (m *mesh) reliableFirst(asks []ask) []ask {
	now := time.Now()
	slices.SortStableFunc(asks, func(a, b ask) int {
		late, later := m.of(a.peer).avoided(now), m.of(b.peer).avoided(now)
		switch {
		case late == later:
			return 0
		case late:
			return 1
		}
		return -1
	})
	return asks
}

// mayKeep reports whether this node may keep a copy of a block that it reads: all may, or, where a file has an upper bound on its
// copies, so many of those that come first in the ring.
func (n *Node) mayKeep(h *handle, index int64) bool {
	most := h.in.ReplicasMax
	if n.mesh == nil || most == 0 {
		return true
	}
	return slices.Contains(n.mesh.owners(nil, peer.Key(tier.NewBlockID(h.in.FileID, uint32(index))), most), n.id)
}
