package policy

import (
	"iter"
	"slices"
)

// Hottest yields the slots, most used first, and among those used equally often the
// more recent first. It is what was queued when the loop began; it holds no lock
// while it yields, so that the loop may remove what it gets. It takes 8 bytes a slot meanwhile.
func (p *Policy) Hottest() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		ranks := make([]uint64, 0, max(p.count.Load(), 0))
		for i := range p.shards {
			ranks = p.shards[i].ranks(ranks)
		}
		slices.Sort(ranks)
		for _, r := range ranks {
			if !yield(uint32(r)) {
				return
			}
		}
	}
}

// ranks appends a number for each slot: from the top 4 bits that turn the
// count over, 3 for the queue, 25 for the place in it, 32 for the slot.
func (s *shard) ranks(to []uint64) []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drain()
	for order, w := range []int{protected, window, probation, parked} {
		place := uint64(0)
		for slot := s.queue[w].front; slot != none; {
			e := s.table.at(slot)
			rank := uint64(maxFreq-s.sketch.get(e.key))<<60 | uint64(order)<<57 | min(place, 1<<25-1)<<32
			to = append(to, rank|uint64(slot))
			place++
			slot = e.next
		}
	}
	return to
}
