package cachefs

import (
	"sync"

	"github.com/millpond/millpond/tier"
)

// writerSet is the node's open writers: Shutdown ends them.
type writerSet struct {
	mu struct {
		sync.Mutex
		open   map[*nodeWriter]struct{}
		closed bool
	}
}

// add reports false once the node closes.
func (s *writerSet) add(w *nodeWriter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return false
	}
	if s.mu.open == nil {
		s.mu.open = map[*nodeWriter]struct{}{}
	}
	s.mu.open[w] = struct{}{}
	return true
}

func (s *writerSet) remove(w *nodeWriter) {
	w.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.open, w)
}

// count is how many are open.
func (s *writerSet) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mu.open)
}

// find is the writer of a version, nil for none.
func (s *writerSet) find(id tier.FileID) *nodeWriter {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.mu.open {
		if w.id == id {
			return w
		}
	}
	return nil
}

// below is a path at or below dir that is being written, "" for none.
func (s *writerSet) below(dir string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.mu.open {
		if _, ok := below(dir, w.path); ok {
			return w.path
		}
	}
	return ""
}

// abortAll gives up what is being written, and refuses more.
func (s *writerSet) abortAll() {
	s.mu.Lock()
	s.mu.closed = true
	open := make([]*nodeWriter, 0, len(s.mu.open))
	for w := range s.mu.open {
		open = append(open, w)
	}
	s.mu.Unlock()
	for _, w := range open { // all at once: none of them waits for another's store
		w.cancel(ErrClosed)
	}
	for _, w := range open {
		w.Abort()
	}
}
