package policy

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// none is the slot that ends a list.
const none = ^uint32(0)

// A slot's state: where it is queued, in which shard, whether it was hit, and
// its cost. One word, so that Hit, and a shard that finds a stale number in
// its ring, read all of it at once.
const (
	queued    = 1 << 0 // in the shard's ring; further hits need not write
	marked    = 1 << 1 // hit while the ring was full
	whereBit  = 2
	whereMask = 7 << whereBit
	costBit   = 5
	costMask  = 1<<shardBit - 1<<costBit
	shardBit  = 16
)

// Where a slot is.
const (
	absent = iota
	window
	probation
	protected
	parked // was refused by Evict's function
	queues
)

// entry is 16 bytes for each slot. All but state belong to the shard that
// state names.
type entry struct {
	key        uint32
	next, prev uint32 // next is nearer to the cold end
	state      atomic.Uint32
}

func (e *entry) where() int { return int(e.state.Load()&whereMask) >> whereBit }

func (e *entry) cost() uint32 { return costOf(e.state.Load() & costMask >> costBit) }

// packCost gives a cost 11 bits: those below 128 as they are, others to their
// first 7 bits, up to 0.8 % less than they were. costOf is the cost that is counted.
func packCost(cost uint32) uint32 {
	if shift := bits.Len32(cost) - 7; shift > 0 {
		return uint32(shift)<<6 + cost>>shift
	}
	return cost
}

func costOf(packed uint32) uint32 {
	if packed < 128 {
		return packed
	}
	return (packed&63 + 64) << (packed>>6 - 1)
}

// setWhere is called with the shard's lock; Hit sets its bits meanwhile.
func (e *entry) setWhere(w int) {
	for {
		old := e.state.Load()
		if e.state.CompareAndSwap(old, old&^whereMask|uint32(w)<<whereBit) {
			return
		}
	}
}

// 4,096 entries are 64 KiB: growth by a step too small to notice.
const (
	chunkBits = 12
	chunkSize = 1 << chunkBits
)

// table holds the entries of all shards by slot, and grows to the highest
// slot that was added. Entries never move and hold no pointers.
type table struct {
	dir  atomic.Pointer[[]*[chunkSize]entry]
	grow sync.Mutex
}

// at is the entry of a slot that was added before.
func (t *table) at(slot uint32) *entry {
	return &(*t.dir.Load())[slot>>chunkBits][slot&(chunkSize-1)]
}

// find is at for any slot; nil if it is beyond the table.
func (t *table) find(slot uint32) *entry {
	dir := t.dir.Load()
	if dir == nil || int(slot>>chunkBits) >= len(*dir) {
		return nil
	}
	return &(*dir)[slot>>chunkBits][slot&(chunkSize-1)]
}

// ensure grows the table to hold slot.
func (t *table) ensure(slot uint32) *entry {
	if e := t.find(slot); e != nil {
		return e
	}
	t.grow.Lock()
	defer t.grow.Unlock()
	var dir []*[chunkSize]entry
	if old := t.dir.Load(); old != nil {
		dir = append(dir, *old...)
	}
	for int(slot>>chunkBits) >= len(dir) {
		dir = append(dir, new([chunkSize]entry))
	}
	t.dir.Store(&dir)
	return t.at(slot)
}

// bytes is what the table holds.
func (t *table) bytes() int {
	dir := t.dir.Load()
	if dir == nil {
		return 0
	}
	return len(*dir) * (chunkSize*16 + 8)
}
