package gossip

import (
	"net/netip"

	"github.com/hashicorp/serf/serf"
)

// Event is news of a node.
type Event struct {
	Kind Kind
	ID   string
	Addr netip.AddrPort
	Tags Tags
}

// Kind is what the news is.
type Kind uint8

const (
	// Alive nodes came, came back, or changed their tags.
	Alive Kind = iota
	// Failed nodes do not answer.
	Failed
	// Left nodes said that they go.
	Left
	// Forgotten nodes failed or left long ago.
	Forgotten
)

var kinds = map[serf.EventType]Kind{
	serf.EventMemberJoin:   Alive,
	serf.EventMemberUpdate: Alive,
	serf.EventMemberFailed: Failed,
	serf.EventMemberLeave:  Left,
	serf.EventMemberReap:   Forgotten,
}

// follow hands on what serf says until Close. It calls nothing of serf's, which may hold a lock while an event waits.
func (g *Gossip) follow() {
	for {
		select {
		case e := <-g.events:
			if m, ok := e.(serf.MemberEvent); ok {
				g.tell(m)
			}
		case <-g.closed:
			return
		}
	}
}

func (g *Gossip) tell(e serf.MemberEvent) {
	for i := range e.Members {
		m := &e.Members[i]
		ev := Event{Kind: kinds[e.Type], ID: m.Name, Addr: addrOf(m.Addr, m.Port), Tags: decodeTags(m.Tags)}
		g.note(ev)
		g.cfg.Event(ev)
	}
}

// note keeps the addresses of the living.
func (g *Gossip) note(e Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.Kind == Alive {
		if was, ok := g.mu.alive[e.ID]; ok && was != e.Addr && g.mu.at[was] == e.ID {
			delete(g.mu.at, was)
		}
		g.mu.alive[e.ID], g.mu.at[e.Addr] = e.Addr, e.ID
	} else {
		delete(g.mu.alive, e.ID)
	}
	if e.Kind == Forgotten && g.mu.at[e.Addr] == e.ID {
		delete(g.mu.at, e.Addr)
	}
}

// Stats count what this node's gossip took.
type Stats struct {
	PacketsIn, PacketsOut, BytesIn, BytesOut int64
	Refused                                  int64 // packets that were forged, of another cluster, or too old
	Replayed                                 int64 // packets that had been seen
	StreamsIn, StreamsOut                    int64
}

// Stats are the counts so far.
func (g *Gossip) Stats() Stats {
	s := &g.transport.stats
	return Stats{
		PacketsIn: s.packetsIn.Load(), PacketsOut: s.packetsOut.Load(), BytesIn: s.bytesIn.Load(), BytesOut: s.bytesOut.Load(),
		Refused: s.refused.Load(), Replayed: s.replayed.Load(), StreamsIn: s.streamsIn.Load(), StreamsOut: s.streamsOut.Load(),
	}
}
