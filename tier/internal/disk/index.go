package disk

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

const (
	shardBits = 8
	shards    = 1 << shardBits
	localBits = 32 - shardBits
	localMask = 1<<localBits - 1
)

// entry is one block: 64 bytes, no pointers. Entries never move and stay as long as their Dir, so a reader may look at gen
// after it let go of the shard's lock. The rest is guarded by the shard's mutex.
type entry struct {
	id         ID
	place             // guarded
	sum        uint64 // of the only piece, or of the checksum table
	seen       uint64 // a bit for each piece that was verified; pieces past the 64th: shard.more
	gen        uint32 // atomic; changes when the block is deleted or moves
	next, prev uint32 // blocks of files with one head: local slot + 1, 0 none
	flags      Flags
	live       bool
	changed    bool // put or marked since Open: Reconcile leaves it alone
}

// index finds entries by id. A table cell holds 8 bits of hash above the local slot + 1; 0 is empty.
type index struct {
	shard [shards]shard
}

type shard struct {
	// A look-up reads this one cache line, one of the cells and that of the entry.
	mu     sync.RWMutex
	cells  []uint32
	slabs  *slabs
	number uint32
	used   uint32 // local slots ever used

	free  []uint32 // local slots
	live  int
	heads []uint32            // by hash of the file, nil until somebody needs the chains
	more  map[uint32][]uint64 // verified bits of blocks of more than 64 pieces
}

func hashID(id *ID) uint64 { return xxhash.Sum64(id[:]) }

func hashFile(id *ID) uint64 { return xxhash.Sum64(id[:16]) }

func (x *index) of(h uint64) *shard { return &x.shard[h&(shards-1)] }

func slotOf(h uint64, local uint32) uint32 { return local<<shardBits | uint32(h&(shards-1)) }

func (s *shard) at(local uint32) *entry { return s.slabs.at(local<<shardBits | s.number) }

// home is the cell where a probe for h starts, tag the 8 bits that a cell keeps.
func (s *shard) home(h uint64) uint32 {
	hi, _ := bits.Mul64(h, uint64(len(s.cells)))
	return uint32(hi)
}

func tag(h uint64) uint32 { return uint32(h>>shardBits) << localBits }

// find returns the cell and the local slot of id.
func (s *shard) find(h uint64, id *ID) (cell, local uint32, ok bool) {
	if len(s.cells) == 0 {
		return 0, 0, false
	}
	want := tag(h)
	for i := s.home(h); ; {
		c := s.cells[i]
		if c == 0 {
			return 0, 0, false
		}
		if c&^localMask == want {
			if local := c&localMask - 1; s.at(local).id == *id {
				return i, local, true
			}
		}
		if i++; int(i) == len(s.cells) {
			i = 0
		}
	}
}

// insert adds an entry for id, which is not there, and returns it with its local slot.
func (s *shard) insert(h uint64, id *ID) (*entry, uint32) {
	if (s.live+1)*5 > len(s.cells)*4 {
		s.resize(max(16, len(s.cells)+len(s.cells)/4))
	}
	local := s.takeSlot()
	e := s.at(local)
	e.id, e.live, e.seen, e.next, e.prev = *id, true, 0, 0, 0
	atomic.AddUint32(&e.gen, 1)
	s.place(h, local)
	s.live++
	s.link(local, e)
	return e, local
}

func (s *shard) place(h uint64, local uint32) {
	i := s.home(h)
	for s.cells[i] != 0 {
		if i++; int(i) == len(s.cells) {
			i = 0
		}
	}
	s.cells[i] = tag(h) | (local + 1)
}

func (s *shard) takeSlot() uint32 {
	if n := len(s.free); n > 0 {
		local := s.free[n-1]
		s.free = s.free[:n-1]
		return local
	}
	s.slabs.ensure(s.used<<shardBits | s.number)
	s.used++
	return s.used - 1
}

func (s *shard) resize(cells int) {
	old := s.cells
	s.cells = make([]uint32, cells)
	for _, c := range old {
		if c != 0 {
			local := c&localMask - 1
			s.place(hashID(&s.at(local).id), local)
		}
	}
	if s.heads != nil {
		s.chain()
	}
}

// remove takes the entry out of the table. Its slot stays taken until release.
func (s *shard) remove(cell, local uint32) {
	e := s.at(local)
	s.unlink(local, e)
	e.live = false
	atomic.AddUint32(&e.gen, 1)
	delete(s.more, local)
	s.live--
	s.closeGap(cell)
}

// closeGap empties a cell and moves back those that a probe would no longer find.
func (s *shard) closeGap(gap uint32) {
	n := uint32(len(s.cells))
	for i := (gap + 1) % n; s.cells[i] != 0; i = (i + 1) % n {
		home := s.home(hashID(&s.at(s.cells[i]&localMask - 1).id))
		if (i+n-home)%n >= (i+n-gap)%n {
			s.cells[gap] = s.cells[i]
			gap = i
		}
	}
	s.cells[gap] = 0
}

func (s *shard) release(local uint32) { s.free = append(s.free, local) }

// reserve makes room for n entries at once.
func (s *shard) reserve(n int) {
	if want := n*5/4 + 16; want > len(s.cells) {
		s.resize(want)
	}
}
