package disk

import (
	"encoding/binary"
	"sync/atomic"
)

// entry is one block: 64 bytes, no pointers. Entries never move and stay as long as their Dir. All but the last two fields are read
// without a lock, and changed under the shard's; gen is odd while no block has the slot, and another once the block has left or
// moved: who finds it as it was, and even, has read one block's fields (a sequence lock).
type entry struct {
	file       [2]atomic.Uint64
	sum        atomic.Uint64 // of the only piece, or of the checksum table
	seen       atomic.Uint64 // a bit for each piece that was verified; pieces past the 64th: shard.more
	at         atomic.Uint64 // where the block is, segment above offset: one word, so that a block that moves is always somewhere
	number     atomic.Uint32 // of the block in its file
	len        atomic.Uint32
	gen        atomic.Uint32
	state      atomic.Uint32 // its Flags, and stateChanged
	next, prev uint32        // blocks of files with one head: local slot + 1, 0 none
}

// stateChanged: put or marked since Open; Reconcile leaves it alone.
const stateChanged = 1 << 8

// key is an ID in words.
type key struct {
	file   [2]uint64
	number uint32
}

func keyOf(id *ID) key {
	return key{
		[2]uint64{binary.NativeEndian.Uint64(id[:]), binary.NativeEndian.Uint64(id[8:])},
		binary.NativeEndian.Uint32(id[16:]),
	}
}

func (e *entry) is(k key) bool {
	return e.file[0].Load() == k.file[0] && e.file[1].Load() == k.file[1] && e.number.Load() == k.number
}

func (e *entry) id() (id ID) {
	binary.NativeEndian.PutUint64(id[:], e.file[0].Load())
	binary.NativeEndian.PutUint64(id[8:], e.file[1].Load())
	binary.NativeEndian.PutUint32(id[16:], e.number.Load())
	return id
}

func (e *entry) place() place {
	at := e.at.Load()
	return place{uint32(at >> 32), uint32(at), e.len.Load()}
}

func (e *entry) seg() uint32 { return uint32(e.at.Load() >> 32) }

func (e *entry) flags() Flags { return Flags(e.state.Load()) }

func (e *entry) changed() bool { return e.state.Load()&stateChanged != 0 }

// live: local slots that were used once.
func (e *entry) live() bool { return e.gen.Load()&1 == 0 }

// record is the entry as the index files have it.
func (e *entry) record() *record {
	return &record{kind: kindPut, flags: e.flags(), id: e.id(), sum: e.sum.Load(), place: e.place()}
}

// set makes the entry the block of r.
func (e *entry) set(r *record, seen uint64, changed bool) {
	g := e.gen.Load() | 1
	e.gen.Store(g)
	k := keyOf(&r.id)
	e.file[0].Store(k.file[0])
	e.file[1].Store(k.file[1])
	e.number.Store(k.number)
	e.sum.Store(r.sum)
	e.seen.Store(seen)
	e.setAt(r.place)
	e.len.Store(r.len)
	e.setState(r.flags, changed)
	e.next, e.prev = 0, 0
	e.gen.Store(g + 1)
}

func (e *entry) setAt(p place) { e.at.Store(uint64(p.seg)<<32 | uint64(p.off)) }

func (e *entry) setState(flags Flags, changed bool) {
	state := uint32(flags)
	if changed {
		state |= stateChanged
	}
	e.state.Store(state)
}

// move gives the block another place. gen comes last: who read the old place before it hears of it, and both have the bytes until then.
func (e *entry) move(to place) {
	e.setAt(to)
	e.gen.Add(2)
}

// clear leaves the slot without a block.
func (e *entry) clear() { e.gen.Add(1) }
