package disk

// A block's first 64 pieces have their verified bits in the entry; those of longer blocks are in the shard's more, from
// the first that is verified until all are. A block that is all seen, as after Put, has all bits and nothing in more.

const allSeen = ^uint64(0)

// seenRange says whether the pieces [from, to] of the block were verified.
func (s *shard) seenRange(local uint32, e *entry, from, to int64) bool {
	if e.seen == allSeen {
		return true
	}
	if pieces(int64(e.len)) <= 64 {
		want := allSeen >> (63 - to) &^ (1<<from - 1)
		return e.seen&want == want
	}
	bits := s.more[local]
	if bits == nil {
		return false
	}
	for i := from; i <= to; i++ {
		if bits[i/64]>>(i%64)&1 == 0 {
			return false
		}
	}
	return true
}

// see marks the pieces [from, to] as verified.
func (s *shard) see(local uint32, e *entry, from, to int64) {
	n := pieces(int64(e.len))
	switch {
	case e.seen == allSeen:
	case n <= 64:
		e.seen |= allSeen >> (63 - to) &^ (1<<from - 1)
		if full := allSeen >> (64 - n); e.seen&full == full {
			e.seen = allSeen
		}
	default:
		s.seeMore(local, e, from, to, n)
	}
}

func (s *shard) seeMore(local uint32, e *entry, from, to, n int64) {
	bits := s.more[local]
	if bits == nil {
		if s.more == nil {
			s.more = make(map[uint32][]uint64)
		}
		bits = make([]uint64, (n+63)/64)
		s.more[local] = bits
	}
	for i := from; i <= to; i++ {
		bits[i/64] |= 1 << (i % 64)
	}
	for i := range n {
		if bits[i/64]>>(i%64)&1 == 0 {
			return
		}
	}
	e.seen = allSeen
	delete(s.more, local)
}
