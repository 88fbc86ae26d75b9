package disk

import (
	"maps"
	"sync/atomic"
)

// A block's first 64 pieces have their verified bits in the entry; those of longer blocks are in the shard's more, from
// the first that is verified until all are. A block that is all seen, as after Put, has all bits and nothing in more: a bit that is
// set late, when another block has the slot, says nothing new of that.

const allSeen = ^uint64(0)

// seenMap has a bit for each piece of a long block.
type seenMap []atomic.Uint64

func (m seenMap) has(i int64) bool { return m[i/64].Load()>>(i%64)&1 != 0 }

// seenRange says whether the pieces [from, to] of the block of n bytes at f were verified, as seen and more have it.
func (s *shard) seenRange(local uint32, seen uint64, n, from, to int64) bool {
	if seen == allSeen {
		return true
	}
	if pieces(n) <= 64 {
		want := bitsOf(from, to)
		return seen&want == want
	}
	m := s.moreOf(local)
	if int64(len(m))*64 < pieces(n) { // none, or of the block that had the slot before
		return false
	}
	for i := from; i <= to; i++ {
		if !m.has(i) {
			return false
		}
	}
	return true
}

func bitsOf(from, to int64) uint64 { return allSeen >> (63 - to) &^ (1<<from - 1) }

// mark notes that the pieces [from, to] of a block were verified.
func (s *shard) mark(f *found, from, to int64) {
	n := pieces(int64(f.len))
	if n > 64 {
		s.markMore(f, from, to, n)
		return
	}
	want := bitsOf(from, to)
	if full := allSeen >> (64 - n); (f.e.seen.Load()|want)&full == full {
		want = allSeen
	}
	if f.same() {
		f.e.seen.Or(want)
	}
}

func (s *shard) moreOf(local uint32) seenMap {
	if more := s.more.Load(); more != nil {
		return (*more)[local]
	}
	return nil
}

// markMore is mark for a block of n pieces, more than 64. Rather than wait for the shard's lock it leaves them to be verified again.
func (s *shard) markMore(f *found, from, to, n int64) {
	if !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	if !f.same() || f.e.seen.Load() == allSeen {
		return
	}
	m := s.moreOf(f.local)
	if m == nil {
		m = make(seenMap, (n+63)/64)
		s.changeMore(func(more map[uint32]seenMap) { more[f.local] = m })
	}
	for i := from; i <= to; i++ {
		m[i/64].Or(1 << (i % 64))
	}
	for i := range n {
		if !m.has(i) {
			return
		}
	}
	f.e.seen.Store(allSeen)
	s.forgetMore(f.local)
}

func (s *shard) forgetMore(local uint32) {
	if s.moreOf(local) != nil {
		s.changeMore(func(more map[uint32]seenMap) { delete(more, local) })
	}
}

// changeMore replaces more by a changed copy. There are few: a block that is in it has more than 4 MiB.
func (s *shard) changeMore(change func(more map[uint32]seenMap)) {
	more := map[uint32]seenMap{}
	if old := s.more.Load(); old != nil {
		maps.Copy(more, *old)
	}
	change(more)
	s.more.Store(&more)
}
