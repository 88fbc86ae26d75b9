package policy

// simMax bounds a simulated cache's entries: twice the sample, since costs differ.
const simMax = 2 * sampleMax

// simBytes is what one simulated cache takes.
const simBytes = simMax*16 + 2*simMax*2

// simNode is a key of a simulated cache.
type simNode struct {
	key, cost  uint32
	prev, next uint16 // node + 1, 0 ends the list
	where      uint8
}

// sim is a small W-TinyLFU with a fixed window. It decides as a shard does,
// without blocks behind the keys, and evicts by itself.
type sim struct {
	percent uint64
	nodes   [simMax]simNode
	free    uint16             // chained by next
	index   [2 * simMax]uint16 // by key, open addressing; node + 1
	queue   [parked]simList    // by where
	count   int
}

type simList struct {
	front, back uint16
	len         int
	cost        uint64
}

func (s *sim) init(percent uint64) {
	s.percent = percent
	for i := range s.nodes {
		s.nodes[i].next = s.free
		s.free = uint16(i + 1)
	}
}

func (s *sim) len() int     { return s.count }
func (s *sim) cost() uint64 { return s.queue[window].cost + s.mainCost() }

func (s *sim) mainCost() uint64 { return s.queue[probation].cost + s.queue[protected].cost }

// access plays a use of key in a cache that holds limit, and reports a hit.
func (s *sim) access(f *sketch, key, cost uint32, limit uint64) bool {
	n := s.index[s.find(key)]
	if n != 0 {
		s.hit(n)
		return true
	}
	if s.free == 0 {
		s.evict(f, s.cost())
	}
	s.insert(key, cost)
	s.settle(limit)
	for s.cost() > limit && s.count > 1 {
		s.evict(f, s.cost())
	}
	return false
}

func (s *sim) hit(n uint16) {
	switch w := int(s.nodes[n-1].where); w {
	case window, protected:
		s.move(n, w)
	case probation:
		s.move(n, protected)
		room := s.mainCost() * protectedShare / 100
		for p := &s.queue[protected]; p.cost > room && p.len > 1; {
			s.move(p.back, probation)
		}
	}
}

// target is the window's size: see shard.windowTarget.
func (s *sim) target(limit uint64) uint64 {
	t := limit * s.percent / 100
	if front := s.queue[window].front; front != 0 {
		t = max(t, uint64(s.nodes[front-1].cost))
	}
	return t
}

func (s *sim) settle(limit uint64) {
	for range settleStep {
		w, target := &s.queue[window], s.target(limit)
		if w.cost <= target || w.len < 2 || s.mainCost()+2*uint64(s.nodes[w.back-1].cost)+target > limit {
			return
		}
		s.move(w.back, probation)
	}
}

// evict drops what a shard would drop.
func (s *sim) evict(f *sketch, limit uint64) {
	cand, cold := s.queue[window].back, s.queue[probation].back
	if cold == 0 {
		cold = s.queue[protected].back
	}
	switch {
	case cold == 0:
		s.remove(cand)
	case cand == 0 || s.queue[window].cost <= s.target(limit):
		s.remove(cold)
	case duel(f, s.nodes[cand-1].key, s.nodes[cand-1].cost, s.nodes[cold-1].key, s.nodes[cold-1].cost):
		s.move(cand, probation)
		s.remove(cold)
	default:
		s.move(cold, int(s.nodes[cold-1].where))
		s.remove(cand)
	}
}

// purge drops the keys that are no longer sampled.
func (s *sim) purge(shift uint32) {
	for w := window; w < parked; w++ {
		for n := s.queue[w].front; n != 0; {
			next := s.nodes[n-1].next
			if !sampled(s.nodes[n-1].key, shift) {
				s.remove(n)
			}
			n = next
		}
	}
}

func (s *sim) move(n uint16, to int) {
	s.unlink(n)
	s.nodes[n-1].where = uint8(to)
	s.link(n)
}

func (s *sim) link(n uint16) {
	e := &s.nodes[n-1]
	l := &s.queue[e.where]
	e.prev, e.next = 0, l.front
	if l.front == 0 {
		l.back = n
	} else {
		s.nodes[l.front-1].prev = n
	}
	l.front = n
	l.len++
	l.cost += uint64(e.cost)
}

func (s *sim) unlink(n uint16) {
	e := &s.nodes[n-1]
	l := &s.queue[e.where]
	if e.prev == 0 {
		l.front = e.next
	} else {
		s.nodes[e.prev-1].next = e.next
	}
	if e.next == 0 {
		l.back = e.prev
	} else {
		s.nodes[e.next-1].prev = e.prev
	}
	l.len--
	l.cost -= uint64(e.cost)
}
