package cachefs

import "encoding/hex"

// history names the history of the node's journal. That of a node alone may have no name, and be in memory alone: then each run
// counts as another one, since nobody else can have seen more than it has.
func (n *Node) history() string {
	if name := n.journal.History(); name != "" {
		return name
	}
	return hex.EncodeToString(n.lease[:])
}

// within is how much of this node's history a Client has seen that has seen so much of one: nothing, if that is another.
func (n *Node) within(history string, seen uint64) uint64 {
	if history != n.history() {
		return 0
	}
	return seen
}
