package tier

import (
	"context"
	"sync"

	"github.com/millpond/millpond/internal/policy"
)

// LockAll takes every lock of this package that an admission, an eviction or a change of marks takes, and a shard of each tier's
// policy, until release. Each tier has a block that may leave.
func (s *Store) LockAll(ctx context.Context) (release func()) {
	var undo []func()
	lock := func(l sync.Locker) {
		l.Lock()
		undo = append(undo, l.Unlock)
	}
	for i := range s.names.stripe {
		lock(&s.names.stripe[i])
	}
	if m := s.mem; m != nil {
		for i := range m.index.stripe {
			lock(&m.index.stripe[i])
		}
		lock(&m.slots.mu)
		undo = append(undo, holdPolicy(ctx, m.policy))
	}
	for _, t := range s.disks {
		for _, dir := range t.dirs {
			m := dir.cur.Load()
			for i := range m.slots {
				lock(&m.slots[i])
			}
			undo = append(undo, holdPolicy(ctx, m.pol))
		}
	}
	return func() {
		for i := range undo {
			undo[len(undo)-1-i]()
		}
	}
}

// holdPolicy holds the lock of a shard of a policy, as one that is asked whether a block may leave does.
func holdPolicy(ctx context.Context, p *policy.Policy) (release func()) {
	held, leave, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		p.Evict(func(uint32) bool {
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
	}
}
