package cachefs

import (
	"context"

	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/tier"
)

// ClusterInfo describes the nodes that share the namespace.
type ClusterInfo struct {
	Self  string // the id of the node that was asked
	Peers []PeerInfo
}

// PeerInfo describes one node.
type PeerInfo struct {
	ID      string
	Primary bool // orders the changes
	Tiers   tier.Metrics
	Journal journal.Metrics
}

// Cluster describes the nodes, their tiers and the journal.
func (n *Node) Cluster(ctx context.Context) (*ClusterInfo, error) {
	if err := n.ready(ctx); err != nil {
		return nil, err
	}
	self := PeerInfo{ID: n.id, Primary: n.journal.Primary(), Tiers: n.tiers.Metrics(), Journal: n.journal.Metrics()}
	return &ClusterInfo{Self: n.id, Peers: []PeerInfo{self}}, nil
}

// ID is the node's id: kept in Config.Dir, else random.
func (n *Node) ID() string { return n.id }
