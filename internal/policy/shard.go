package policy

import (
	"sync"
	"sync/atomic"
)

// protectedShare of the main part is for blocks hit since they were admitted;
// the rest is where admitted blocks prove themselves.
const protectedShare = 90 // per cent

// shard is one W-TinyLFU over the keys that hash to it.
type shard struct {
	ring ring
	cost atomic.Uint64 // of all its slots; read by the choice of a shard to evict from
	// windowCost is that of its window after the last Add or Evict.
	windowCost atomic.Uint64
	_          [48]byte // the lock's traffic stays off the hits' lines

	mu     sync.Mutex // guards what follows, and the table's entries of this shard
	id     uint32
	table  *table
	tuner  *tuner
	queue  [queues]list // by where; absent's is unused
	sketch sketch
	limit  uint64 // what the shard may hold: its cost when a victim was last asked for
}

func (s *shard) init(id uint32, t *table, u *tuner, limit uint64) {
	s.id, s.table, s.tuner, s.limit = id, t, u, limit
	s.sketch = newSketch()
	for i := range s.queue {
		s.queue[i].reset()
	}
}

func (s *shard) len() int {
	n := 0
	for w := window; w < queues; w++ {
		n += s.queue[w].len
	}
	return n
}

func (s *shard) mainCost() uint64 { return s.queue[probation].cost + s.queue[protected].cost }

// windowTarget is the window's share of the limit, but never less than its
// newest block: a newcomer stays until the next one comes.
func (s *shard) windowTarget() uint64 {
	target := s.limit * s.tuner.window() / 100
	if front := s.queue[window].front; front != none {
		target = max(target, uint64(s.table.at(front).cost()))
	}
	return target
}

// admit queues a slot that is in no list.
func (s *shard) admit(key, slot, cost uint32, freq int) {
	e := s.table.at(slot)
	e.key = key
	e.state.Store(s.id<<shardBit | packCost(cost)<<costBit | window<<whereBit)
	s.queue[window].pushFront(s.table, slot)
	s.cost.Add(uint64(cost))
	n := s.len()
	s.sketch.ensure(n)
	if freq > 0 {
		s.sketch.raise(key, min(freq, maxFreq))
	}
	s.sketch.add(key, n)
	s.tuner.access(key, cost)
}

// drain plays the hits that were written since the last drain.
func (s *shard) drain() {
	for range ringSize {
		slot, ok := s.ring.pop()
		if !ok {
			return
		}
		e := s.table.at(slot)
		st := e.state.Load()
		if st>>shardBit != s.id || st&whereMask == 0 {
			continue // left, or lives in another shard now
		}
		e.state.And(^uint32(queued | marked))
		s.used(slot, e)
	}
}

// used counts a hit and moves its slot up.
func (s *shard) used(slot uint32, e *entry) {
	s.sketch.add(e.key, s.len())
	s.tuner.access(e.key, e.cost())
	switch w := e.where(); w {
	case window, protected:
		s.move(slot, e, w)
	case probation:
		s.move(slot, e, protected)
		s.shrinkProtected()
	case parked:
		s.move(slot, e, probation)
	}
}

func (s *shard) shrinkProtected() {
	room := s.mainCost() * protectedShare / 100
	for p := &s.queue[protected]; p.cost > room && p.len > 1; {
		s.move(p.back, s.table.at(p.back), probation)
	}
}

// move takes a slot to the front of a queue, its own one too.
func (s *shard) move(slot uint32, e *entry, to int) {
	from := e.where()
	s.queue[from].remove(s.table, slot)
	if from != to {
		e.setWhere(to)
	}
	s.queue[to].pushFront(s.table, slot)
}

// drop takes a slot out of the shard.
func (s *shard) drop(slot uint32, e *entry) {
	s.queue[e.where()].remove(s.table, slot)
	e.state.And(^uint32(queued | marked | whereMask))
	s.cost.Add(-uint64(e.cost()))
}

// settleStep bounds how much of the window moves at once without a duel.
const settleStep = 4

// settle moves the window's excess to the main part while that has room: when
// the cache fills first, after removals, and when the window was made smaller.
func (s *shard) settle() {
	for range settleStep {
		w, target := &s.queue[window], s.windowTarget()
		if w.cost <= target || w.len < 2 {
			return
		}
		e := s.table.at(w.back)
		// Twice its cost: one for it, one for the victim about to leave.
		if s.mainCost()+2*uint64(e.cost())+target > s.limit {
			return
		}
		s.move(w.back, e, probation)
	}
}
