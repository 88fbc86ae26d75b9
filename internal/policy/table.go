package policy

import (
	"sync"
	"sync/atomic"
)

// none is the slot that ends a list.
const none = ^uint32(0)

// A slot's state: where it is queued, in which shard, and whether it was hit.
// One word, so that Hit, and a shard that finds a stale number in its ring,
// read all of it at once.
const (
	queued    = 1 << 0 // in the shard's ring; further hits need not write
	marked    = 1 << 1 // hit while the ring was full
	whereBit  = 2
	whereMask = 7 << whereBit
	shardBit  = 8
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

// entry is 20 bytes for each slot. All but state belong to the shard that
// state names.
type entry struct {
	key, cost  uint32
	next, prev uint32 // next is nearer to the cold end
	state      atomic.Uint32
}

func (e *entry) where() int { return int(e.state.Load()&whereMask) >> whereBit }

// setWhere is called with the shard's lock; Hit sets its bits meanwhile.
func (e *entry) setWhere(w int) {
	for {
		old := e.state.Load()
		if e.state.CompareAndSwap(old, old&^whereMask|uint32(w)<<whereBit) {
			return
		}
	}
}

// 4,096 entries are 80 KiB: growth by a step too small to notice.
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
	return len(*dir) * (chunkSize*20 + 8)
}
