package cachefs

import "sync"

// seen is how much of the journal a Client has seen: what it asks for next is no older.
type seen struct {
	mu      sync.Mutex
	history string
	index   uint64
}

// saw notes how new an answer was. A mesh that has begun another history counts from the start.
func (s *seen) saw(history string, index uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if history != s.history {
		s.history, s.index = history, index
	}
	s.index = max(s.index, index)
}

// newest is where the newest answer was.
func (s *seen) newest() (history string, index uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.history, s.index
}
