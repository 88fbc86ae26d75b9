package cachefs

import (
	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
)

// blocksOf is how many blocks a file has.
func blocksOf(in *namespace.Inode) int64 {
	if in.Dir || in.Size == 0 {
		return 0
	}
	return (in.Size-1)/in.BlockSize + 1
}

func blockID(in *namespace.Inode, i int64) tier.BlockID {
	return tier.NewBlockID(in.FileID, uint32(i))
}

// pinFile keeps the cached blocks of a file out of the evictor, or lets it have them again.
func (n *Node) pinFile(ino uint64, pin bool) {
	in, ok := n.tree.Get(ino)
	if !ok || in.Dir {
		return
	}
	for i := range blocksOf(&in) {
		id := blockID(&in, i)
		if !pin {
			n.tiers.Unpin(id)
		} else if err := n.tiers.Pin(id); err != nil {
			continue // not cached: pinned when it comes
		}
	}
}

// holdsAll reports whether the tiers have every block of a file.
func (n *Node) holdsAll(in *namespace.Inode) bool {
	for i := range blocksOf(in) {
		if _, _, ok := n.tiers.Has(blockID(in, i)); !ok {
			return false
		}
	}
	return true
}
