package tier

// Metrics are a Store at one moment; the tiers fastest first.
type Metrics struct {
	Tiers []TierMetrics
}

// TierMetrics are one tier's sizes of now, in bytes, and counts since Open.
type TierMetrics struct {
	Kind       Kind
	Capacity   int64
	Used       int64
	Blocks     int
	Hits       uint64 // look-ups that found a block; reads through a Block that is kept are not counted
	Misses     uint64
	Admissions uint64
	Evictions  uint64 // blocks that left for want of room
	Promotions uint64 // blocks that moved up from here
	Demotions  uint64 // blocks that moved down from here
	Rejected   uint64 // blocks that should have moved down and were lost from the cache
	Corrupt    uint64 // blocks that did not match their checksum
	DirsUp     int
	DirsDown   int
}

// Metrics returns the counts.
func (s *Store) Metrics() (m Metrics) {
	if s.mem != nil {
		t := s.mem.count.metrics(Memory)
		t.Capacity, t.Used, t.Blocks = s.mem.arena.Size(), s.mem.used.Load(), int(s.mem.index.blocks.Load())
		m.Tiers = append(m.Tiers, t)
	}
	for _, d := range s.disks {
		t := d.count.metrics(d.cfg.Kind)
		for _, dir := range d.dirs {
			if dir.writable() != nil {
				t.DirsUp++
			} else {
				t.DirsDown++
			}
			if m := dir.readable(); m != nil {
				t.Capacity += m.d.Capacity()
				t.Used += m.d.Used()
				t.Blocks += m.d.Blocks()
			}
		}
		m.Tiers = append(m.Tiers, t)
	}
	return m
}

func (c *counters) metrics(k Kind) TierMetrics {
	return TierMetrics{
		Kind: k, Hits: c.hits.Load(), Misses: c.misses.Load(), Admissions: c.admissions.Load(), Evictions: c.evictions.Load(),
		Promotions: c.promotions.Load(), Demotions: c.demotions.Load(), Rejected: c.rejected.Load(), Corrupt: c.corrupt.Load(),
	}
}
