package cachefs

import (
	"time"

	"github.com/millpond/millpond/peer"
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
}

// successors are how many members of the ring are asked to bring a block before this node does so itself: the second is
// the owner to be if the first has died.
const successors = 2

// route lists whom to ask for a block before the store is, in this order: the owner, the one before the ring's last
// change, and whoever owns it next. from is the peer that asks us, "" if none does.
func (m *mesh) route(key peer.Key, as role, from string) (asks []ask) {
	if as == asAlone {
		return nil
	}
	var ids [successors]string
	owners := m.p.Owners(ids[:0], key, successors)
	self := m.n.id
	before, fresh := m.p.Previous(key)
	fresh = fresh && before != self && before != from
	if as == asOwner || as == asReader && len(owners) > 0 && owners[0] == self {
		if fresh { // who still takes that node for the owner asks it as well: let one node bring it
			asks = append(asks, ask{peer: before, fill: true, alone: true})
		}
		return m.reliableFirst(asks)
	}
	for i, id := range owners {
		if id == self {
			break
		}
		if id != from && (as == asReader || i == 0) {
			asks = append(asks, ask{peer: id, fill: as == asReader, alone: i > 0})
		}
		if i == 0 && fresh && before != id {
			asks = append(asks, ask{peer: before})
		}
	}
	return m.reliableFirst(asks)
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

// reliableFirst moves peers that failed of late to the end.
func (m *mesh) reliableFirst(asks []ask) []ask {
	now, at := time.Now(), 0
	for i := range asks {
		if a := asks[i]; !m.of(a.peer).avoided(now) {
			copy(asks[at+1:i+1], asks[at:i])
			asks[at] = a
			at++
		}
	}
	return asks
}
