package peer

import (
	"github.com/millpond/millpond/peer/internal/gossip"
	"github.com/millpond/millpond/peer/internal/link"
)

// Metrics are figures of a mesh as this node sees it. Counts begin with Open.
type Metrics struct {
	Alive, Failed, Left int // members, this node too
	RingMembers         int // that own keys
	Gossip              GossipMetrics
	Conns               ConnMetrics
}

// GossipMetrics count this node's gossip: PacketsIn, PacketsOut, BytesIn and BytesOut of packets; Refused packets, which
// were forged, of another cluster, or too old; Replayed ones; StreamsIn and StreamsOut, exchanges of state.
type GossipMetrics = gossip.Stats

// ConnMetrics count what passes over connections: Calls and Reads that this node made, BytesIn and BytesOut, connections
// that were Refused, and Broken, and pieces of blocks that came Corrupt.
type ConnMetrics = link.Metrics

// Metrics are the figures now.
func (m *Mesh) Metrics() Metrics {
	v := m.table.shown.Load()
	r := Metrics{RingMembers: len(v.set.Members()), Gossip: m.gossip.Stats(), Conns: m.link.Metrics()}
	for _, o := range v.members {
		switch o.State {
		case Alive:
			r.Alive++
		case Failed:
			r.Failed++
		case Left:
			r.Left++
		}
	}
	return r
}
