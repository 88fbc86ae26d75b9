package disk

import (
	"iter"
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

// index finds entries by id. A table cell holds 8 bits of hash above the local slot + 1; 0 is empty.
//
// Who looks up takes no lock: what he reads is atomic, and an entry's gen says whether it was one block's all the while. At any instant a
// probe finds each block, also while a gap is being closed; and so does one beside which a single cell is overwritten, since a block
// that moves is in two cells before it is in the new one alone. turn tells of more, and he looks again.
type index struct {
	shard [shards]shard
}

type shard struct {
	// A look-up reads this one cache line, the table's, one of the cells and that of the entry.
	cells  atomic.Pointer[cells]
	slabs  *slabs
	more   atomic.Pointer[map[uint32]seenMap] // of blocks of more than 64 pieces; a copy is changed
	heads  []uint32                           // by hash of the file, nil until somebody needs the chains
	number uint32
	turn   atomic.Uint32 // changes before each cell that is overwritten
	used   uint32        // local slots ever used
	_      [4]byte

	mu   sync.RWMutex // to change anything, and to read what is not atomic; on a cache line that look-ups leave alone
	free []uint32     // local slots
	live int
	_    [8]byte // to a whole number of lines
}

type cells []atomic.Uint32

func hashID(id *ID) uint64 { return xxhash.Sum64(id[:]) }

func hashFile(id *ID) uint64 { return xxhash.Sum64(id[:16]) }

func (x *index) of(h uint64) *shard { return &x.shard[h&(shards-1)] }

func slotOf(h uint64, local uint32) uint32 { return local<<shardBits | uint32(h&(shards-1)) }

func (s *shard) at(local uint32) *entry { return s.slabs.at(local<<shardBits | s.number) }

// table is the shard's; nil if it has none yet.
func (s *shard) table() cells {
	if t := s.cells.Load(); t != nil {
		return *t
	}
	return nil
}

// home is the cell where a probe for h starts, tag the 8 bits that a cell keeps.
func (t cells) home(h uint64) uint32 {
	hi, _ := bits.Mul64(h, uint64(len(t)))
	return uint32(hi)
}

func tag(h uint64) uint32 { return uint32(h>>shardBits) << localBits }

// find returns the cell and the local slot of id. Without the shard's lock it may miss what is being moved (see index), and who uses
// what it finds looks at gen.
func (s *shard) find(h uint64, k key) (cell, local uint32, ok bool) {
	t := s.table()
	if len(t) == 0 {
		return 0, 0, false
	}
	want, start := tag(h), t.home(h)
	for i := start; ; {
		c := t[i].Load()
		if c == 0 {
			return 0, 0, false
		}
		if c&^localMask == want {
			if local := c&localMask - 1; s.at(local).is(k) {
				return i, local, true
			}
		}
		if i++; int(i) == len(t) {
			i = 0
		}
		if i == start { // cells that moved before us may all be taken
			return 0, 0, false
		}
	}
}

// insert adds an entry for id, which is not there, as r has it, and returns its local slot.
func (s *shard) insert(h uint64, r *record, seen uint64, changed bool) uint32 {
	if n := len(s.table()); (s.live+1)*5 > n*4 {
		s.resize(max(16, n+n/8)) // at most 5.7 bytes a block
	}
	local := s.takeSlot()
	e := s.at(local)
	e.set(r, seen, changed)
	s.table().put(h, local)
	s.live++
	s.link(local, e)
	return local
}

func (t cells) put(h uint64, local uint32) {
	i := t.home(h)
	for t[i].Load() != 0 {
		if i++; int(i) == len(t) {
			i = 0
		}
	}
	t[i].Store(tag(h) | (local + 1))
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

func (s *shard) resize(n int) {
	t := make(cells, n)
	old := s.table()
	for i := range old {
		if c := old[i].Load(); c != 0 {
			local := c&localMask - 1
			id := s.at(local).id()
			t.put(hashID(&id), local)
		}
	}
	s.cells.Store(&t)
	if s.heads != nil {
		s.chain()
	}
}

// remove takes the entry out of the table. Its slot stays taken until release.
func (s *shard) remove(cell, local uint32) {
	e := s.at(local)
	s.unlink(local, e)
	e.clear()
	s.forgetMore(local)
	s.live--
	for i, c := range s.closeGap(cell) {
		s.overwrite(i, c)
	}
}

func (s *shard) overwrite(cell, c uint32) {
	s.turn.Add(1)
	s.table()[cell].Store(c)
}

// closeGap says what to write into which cells, one after the other, to empty one: those that a probe would no longer find move back.
func (s *shard) closeGap(gap uint32) iter.Seq2[uint32, uint32] {
	return func(yield func(cell, c uint32) bool) {
		t := s.table()
		n := uint32(len(t))
		for i := (gap + 1) % n; t[i].Load() != 0; i = (i + 1) % n {
			c := t[i].Load()
			id := s.at(c&localMask - 1).id()
			home := t.home(hashID(&id))
			if (i+n-home)%n < (i+n-gap)%n {
				continue
			}
			if !yield(gap, c) {
				return
			}
			gap = i
		}
		yield(gap, 0)
	}
}

func (s *shard) release(local uint32) { s.free = append(s.free, local) }

// reserve makes room for n entries at once.
func (s *shard) reserve(n int) {
	if want := n*5/4 + 16; want > len(s.table()) {
		s.resize(want)
	}
}
