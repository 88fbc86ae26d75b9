package tier

// Drop takes a block out of all tiers, held or not, and reports whether it was in one. What is on its way to a tier when
// Drop is called does not arrive. Views keep their bytes.
func (s *Store) Drop(id BlockID) (was bool) {
	d := &dropping{id: id}
	stripe := s.names.of(id.hash())
	stripe.Lock()
	stripe.dropLocked(d)
	if s.mem != nil {
		if b := s.mem.get(&id); b != nil {
			was = s.mem.dropLocked(b)
		}
	}
	stripe.Unlock()
	for _, t := range s.disks {
		was = t.drop(id) || was
	}
	stripe.dropped(d)
	return was
}

// DropFile drops all blocks of a file and returns how many there were. It looks through the index of memory.
func (s *Store) DropFile(f FileID) (n int) {
	d := &dropping{id: NewBlockID(f, 0), whole: true}
	for i := range s.names.stripe {
		stripe := &s.names.stripe[i]
		stripe.Lock()
		stripe.dropLocked(d)
		stripe.Unlock()
	}
	if s.mem != nil {
		for b := range s.mem.index.all() {
			if b.id.File() == f && s.mem.drop(b) {
				n++
			}
		}
	}
	for _, t := range s.disks {
		n += t.dropFile(f)
	}
	for i := range s.names.stripe {
		s.names.stripe[i].dropped(d)
	}
	return n
}
