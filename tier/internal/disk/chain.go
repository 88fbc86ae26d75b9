package disk

// The blocks of a file are found through lists by the file's hash, one set of lists in each shard. They are built when
// they are first needed: Open would pay two cache misses for each block.

// chain builds the lists from the live entries.
func (s *shard) chain() {
	s.heads = make([]uint32, len(s.table())/4+1)
	for local := range s.used {
		if e := s.at(local); e.live() {
			s.link(local, e)
		}
	}
}

func (s *shard) head(id *ID) *uint32 { return &s.heads[hashFile(id)%uint64(len(s.heads))] }

func (s *shard) link(local uint32, e *entry) {
	if s.heads == nil {
		return
	}
	id := e.id()
	head := s.head(&id)
	e.prev, e.next = 0, *head
	if *head != 0 {
		s.at(*head - 1).prev = local + 1
	}
	*head = local + 1
}

func (s *shard) unlink(local uint32, e *entry) {
	if s.heads == nil {
		return
	}
	if e.next != 0 {
		s.at(e.next - 1).prev = e.prev
	}
	if e.prev != 0 {
		s.at(e.prev - 1).next = e.next
		return
	}
	id := e.id()
	if head := s.head(&id); *head == local+1 {
		*head = e.next
	}
}

// file appends the ids of the blocks of one file.
func (s *shard) file(f *[16]byte, dst []ID) []ID {
	s.mu.RLock()
	if s.live == 0 {
		s.mu.RUnlock()
		return dst
	}
	if s.heads == nil {
		s.mu.RUnlock()
		s.mu.Lock()
		if s.heads == nil {
			s.chain()
		}
		s.mu.Unlock()
		s.mu.RLock()
	}
	defer s.mu.RUnlock()
	id := ID{}
	copy(id[:], f[:])
	for at := *s.head(&id); at != 0; {
		e := s.at(at - 1)
		if b := e.id(); [16]byte(b[:16]) == *f {
			dst = append(dst, b)
		}
		at = e.next
	}
	return dst
}
