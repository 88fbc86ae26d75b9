package netsim

import "time"

// signal tells all who wait that something changed. It is guarded by the network's lock.
type signal struct{ told chan struct{} }

func (s *signal) tell() {
	if s.told != nil {
		close(s.told)
		s.told = nil
	}
}

func (s *signal) next() <-chan struct{} {
	if s.told == nil {
		s.told = make(chan struct{})
	}
	return s.told
}

// waitLocked lets go of the lock until s is told, until is there (zero: never), or done is closed (nil: never).
func (n *Net) waitLocked(s *signal, until time.Time, done <-chan struct{}) {
	told := s.next()
	n.mu.Unlock()
	defer n.mu.Lock()
	var late <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		late = t.C
	}
	select {
	case <-told:
	case <-late:
	case <-done:
	}
}

// sooner is the earlier of two times; zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// passed reports whether a deadline is over; zero is none.
func passed(deadline, now time.Time) bool { return !deadline.IsZero() && !now.Before(deadline) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
