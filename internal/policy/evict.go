package policy

// Bounds of one Evict in one shard.
const (
	// secondChances is how many marked slots are spared before a victim is
	// taken anyway: after a long time of hits alone all slots are marked.
	secondChances = 32
	// recheck is how many refused slots are asked for again on each call.
	recheck = 2
	// deepRecheck is that number when nothing else is left.
	deepRecheck = 1024
)

// evict takes the shard's next victim out, if can lets any go.
func (s *shard) evict(can func(slot uint32) bool) (uint32, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.windowCost.Store(s.queue[window].cost) }()
	s.drain()
	s.limit = s.cost.Load()
	if slot, ok := s.unpark(can, recheck); ok {
		return slot, true
	}
	s.settle()
	chances := secondChances
	for {
		slot := s.victim(&chances)
		if slot == none {
			return s.unpark(can, deepRecheck)
		}
		e := s.table.at(slot)
		if can(slot) {
			s.drop(slot, e)
			return slot, true
		}
		s.move(slot, e, parked)
	}
}

// unpark asks again for up to n slots that were refused. They were the coldest
// when they were parked, so that one that may go now goes first, unless it was hit since.
func (s *shard) unpark(can func(slot uint32) bool, n int) (uint32, bool) {
	for range min(n, s.queue[parked].len) {
		slot := s.queue[parked].back
		e := s.table.at(slot)
		if can(slot) {
			s.drop(slot, e)
			return slot, true
		}
		s.move(slot, e, parked)
	}
	return none, false
}

// victim chooses the slot to leave, none if all are parked.
func (s *shard) victim(chances *int) uint32 {
	for {
		cand, cold := s.queue[window].back, s.coldest()
		if cand != none && s.spare(cand, chances) || cold != none && s.spare(cold, chances) {
			continue
		}
		switch {
		case cold == none:
			return cand
		case cand == none || s.queue[window].cost <= s.windowTarget():
			return cold
		case s.wins(cand, cold):
			s.move(cand, s.table.at(cand), probation)
			return cold
		default:
			// The winner makes room at the back: a strong one must not stand
			// before weak ones and turn down all who come.
			s.move(cold, s.table.at(cold), s.table.at(cold).where())
			return cand
		}
	}
}

// coldest is the main part's least recently used slot, none if it is empty.
func (s *shard) coldest() uint32 {
	if back := s.queue[probation].back; back != none {
		return back
	}
	return s.queue[protected].back
}

// spare plays the hit of a slot that could not be written to the ring.
func (s *shard) spare(slot uint32, chances *int) bool {
	e := s.table.at(slot)
	if *chances == 0 || e.state.Load()&marked == 0 {
		return false
	}
	*chances--
	e.state.And(^uint32(marked))
	s.used(slot, e)
	return true
}

// maxCostRatio bounds what size does to a duel. Counts go to 15: beyond that
// ratio size would decide alone, and one small block read once
// would hold its place against a large one read all day.
const maxCostRatio = 8

// wins is the duel of two of the shard's slots.
func (s *shard) wins(cand, cold uint32) bool {
	c, v := s.table.at(cand), s.table.at(cold)
	return duel(&s.sketch, c.key, c.cost(), v.key, v.cost())
}

// duel reports whether the candidate was used more for each unit of cost than
// the main part's coldest. A tie keeps what is there: that is what makes a
// loop larger than the cache hit.
func duel(f *sketch, cand, candCost, cold, coldCost uint32) bool {
	c, v := max(uint64(candCost), 1), max(uint64(coldCost), 1)
	low := min(c, v) * maxCostRatio
	c, v = min(c, low), min(v, low)
	return uint64(f.get(cand))*v > uint64(f.get(cold))*c
}
