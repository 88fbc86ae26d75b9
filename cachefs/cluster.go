package cachefs

import (
	"context"
	"sync"
	"time"

	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

// ClusterInfo describes the nodes that share the namespace.
type ClusterInfo struct {
	Self  string // the id of the node that was asked
	Peers []PeerInfo
}

// PeerInfo describes one node. What only the node itself knows (Tiers, Journal, Lag) is there of those that answer.
type PeerInfo struct {
	ID         string
	Addr       string // host:port at which the others reach it; "" of a node alone
	Zone, Rack string
	Version    string // of its build
	State      peer.State
	Since      time.Time // when the node that was asked saw it enter State
	Share      float64   // of the ring, 0 to 1
	Err        error     // why it did not answer; nil if it did
	Role       journal.Role
	Primary    bool // Role is that of the primary
	Tiers      tier.Metrics
	Journal    journal.Metrics
	Lag        uint64 // changes that the furthest node has applied, and this one has not
}

// answerTime bounds how long a node is waited for that is to describe itself.
const answerTime = time.Second

// Cluster describes the nodes, their tiers and their journals. Nodes that do not answer are described as far as the others
// know them.
func (n *Node) Cluster(ctx context.Context) (*ClusterInfo, error) {
	if err := n.ready(ctx); err != nil {
		return nil, err
	}
	c := &ClusterInfo{Self: n.id, Peers: n.knownNodes()}
	var asking sync.WaitGroup
	for i := range c.Peers {
		if p := &c.Peers[i]; p.State == peer.Alive {
			asking.Go(func() { n.describe(ctx, p) })
		}
	}
	replicas, err := n.journal.Replicas(ctx)
	asking.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	}
	c.compare(replicas)
	return c, nil
}

// knownNodes are the nodes as the mesh knows them.
func (n *Node) knownNodes() (list []PeerInfo) {
	if n.peers == nil {
		return []PeerInfo{{ID: n.id}}
	}
	weights := uint64(0)
	members := n.peers.Members()
	for _, m := range members {
		if m.State != peer.Left {
			weights += uint64(m.Weight)
		}
	}
	for _, m := range members {
		p := PeerInfo{ID: m.ID, Addr: m.Addr, Zone: m.Zone, Rack: m.Rack, Version: m.Version, State: m.State, Since: m.Since}
		if m.State != peer.Left {
			p.Share = float64(m.Weight) / float64(max(weights, 1))
		}
		list = append(list, p)
	}
	return list
}

// report is what a node says of itself.
type report struct {
	Tiers   tier.Metrics    `json:"tiers"`
	Journal journal.Metrics `json:"journal"`
}

func (n *Node) report() report {
	return report{Tiers: n.tiers.Metrics(), Journal: n.journal.Metrics()}
}

// describe has a node say what only it knows.
func (n *Node) describe(ctx context.Context, p *PeerInfo) {
	r := report{}
	if p.ID == n.id {
		r = n.report()
	} else {
		ctx, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		r, p.Err = askNode[report](ctx, n, p.ID, callReport, none{})
	}
	p.Tiers, p.Journal = r.Tiers, r.Journal
}

// compare finds each node's role, and how far it is behind.
func (c *ClusterInfo) compare(replicas []journal.Replica) {
	last := uint64(0)
	for i := range c.Peers {
		last = max(last, c.Peers[i].Journal.Index)
	}
	for i := range c.Peers {
		p := &c.Peers[i]
		p.Role = journal.RoleNone
		for _, r := range replicas {
			if r.ID == p.ID {
				p.Role = r.Role
			}
		}
		p.Primary = p.Role == journal.RolePrimary
		if p.State == peer.Alive && p.Err == nil {
			p.Lag = last - p.Journal.Index
		}
	}
}

// ID is the node's id: kept in Config.Dir, else random.
func (n *Node) ID() string { return n.id }
