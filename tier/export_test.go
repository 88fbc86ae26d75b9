package tier

import "context"

// LockAll takes every lock of this package that an admission, an eviction or a change of marks takes in memory, and a shard of the
// policy, until release.
func (s *Store) LockAll(ctx context.Context) (release func()) {
	m := s.mem
	for i := range s.names.stripe {
		s.names.stripe[i].Lock()
	}
	for i := range m.index.stripe {
		m.index.stripe[i].Lock()
	}
	m.slots.mu.Lock()
	held, leave := make(chan struct{}), make(chan struct{})
	done := make(chan struct{})
	go func() { // a policy shard's lock is held while it asks
		defer close(done)
		m.policy.Evict(func(uint32) bool {
			close(held)
			<-leave
			return true
		})
	}()
	select {
	case <-held:
	case <-ctx.Done():
	}
	return func() {
		close(leave)
		<-done
		m.slots.mu.Unlock()
		for i := range m.index.stripe {
			m.index.stripe[i].Unlock()
		}
		for i := range s.names.stripe {
			s.names.stripe[i].Unlock()
		}
	}
}
