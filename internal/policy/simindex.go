package policy

// home is where key stands in the index when nothing is in its way.
func home(key uint32) uint32 {
	return uint32(uint64(key)*0xD6E8FEB86659FD93>>40) % (2 * simMax)
}

// find is the place of key in the index, or the empty one where it would go.
func (s *sim) find(key uint32) uint32 {
	i := home(key)
	for s.index[i] != 0 && s.nodes[s.index[i]-1].key != key {
		i = (i + 1) % uint32(len(s.index))
	}
	return i
}

// insert puts a new key into the window.
func (s *sim) insert(key, cost uint32) {
	n := s.free
	e := &s.nodes[n-1]
	s.free = e.next
	*e = simNode{key: key, cost: cost, where: window}
	s.index[s.find(key)] = n
	s.link(n)
	s.count++
}

// remove drops a node, and closes the gap in the index behind it.
func (s *sim) remove(n uint16) {
	gap := s.find(s.nodes[n-1].key)
	size := uint32(len(s.index))
	for i := (gap + 1) % size; s.index[i] != 0; i = (i + 1) % size {
		h := home(s.nodes[s.index[i]-1].key)
		if (i-h)%size >= (i-gap)%size {
			s.index[gap], gap = s.index[i], i
		}
	}
	s.index[gap] = 0
	s.unlink(n)
	s.nodes[n-1].next = s.free
	s.free = n
	s.count--
}
