package cachefs

import (
	"sync/atomic"

	"github.com/millpond/millpond/tier"
)

const (
	flatBlocks = 4_096 // one slice up to here: 32 KiB, a 16 GiB file of 4 MiB blocks
	leafBlocks = 1_024 // beyond: leaves of 8 KiB made where the file is read
)

type blockSlot = atomic.Pointer[tier.Block]

// blockTable remembers where the blocks of one open file lie in memory. A slot is a hint: the block in it may have left,
// and says so when it is read.
type blockTable struct {
	one    [1]blockSlot // most files are one block: no second allocation
	flat   []blockSlot
	leaves []atomic.Pointer[[leafBlocks]blockSlot]
}

func (t *blockTable) init(blocks int64) {
	switch {
	case blocks <= 1:
		t.flat = t.one[:blocks]
	case blocks <= flatBlocks:
		t.flat = make([]blockSlot, blocks)
	default:
		t.leaves = make([]atomic.Pointer[[leafBlocks]blockSlot], (blocks+leafBlocks-1)/leafBlocks)
	}
}

// slot returns the slot of block i, which is one of the file's.
func (t *blockTable) slot(i int64) *blockSlot {
	if uint64(i) < uint64(len(t.flat)) {
		return &t.flat[i]
	}
	return t.far(i)
}

// noSlot is the slot of every block of a table that was not made for any.
var noSlot blockSlot

func (t *blockTable) far(i int64) *blockSlot {
	if t.leaves == nil {
		return &noSlot
	}
	p := &t.leaves[i/leafBlocks]
	leaf := p.Load()
	if leaf == nil {
		leaf = new([leafBlocks]blockSlot)
		if !p.CompareAndSwap(nil, leaf) {
			leaf = p.Load()
		}
	}
	return &leaf[i%leafBlocks]
}
