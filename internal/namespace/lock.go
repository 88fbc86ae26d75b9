package namespace

import "sync"

// stripes is how many readers' locks there are: readers of different paths on different cores share no cache line.
const stripes = 8

// locks lets readers in beside each other and a change alone. A reader takes one of the stripes, a change all of them.
type locks struct {
	stripe [stripes]struct {
		sync.RWMutex
		_ [40]byte
	}
}

func (l *locks) lock() {
	for i := range l.stripe {
		l.stripe[i].Lock()
	}
}

func (l *locks) unlock() {
	for i := range l.stripe {
		l.stripe[i].Unlock()
	}
}

// read takes the stripe of a hash and returns what gives it back.
func (l *locks) read(hash uint64) func() {
	s := &l.stripe[hash%stripes]
	s.RLock()
	return s.RUnlock
}
