package cachefs

import "github.com/millpond/millpond/tier"

// Blocks are what the node's tiers have.
func Blocks(n *Node) (list []tier.BlockInfo) {
	for b := range n.tiers.All() {
		list = append(list, b)
	}
	return list
}
