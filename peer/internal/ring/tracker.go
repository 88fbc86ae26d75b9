package ring

import "time"

// Tracker follows members as they come and go and says which ring counts. It is a pure step: the time comes with each
// call and never goes back. A member that fails keeps its keys for the grace time, so that one that flaps moves no
// block; one that leaves on purpose gives them up at once.
type Tracker struct {
	grace, settle time.Duration
	ring, before  *Ring
	changed       time.Time            // when ring took before's place
	failed        map[string]time.Time // until when a failed member keeps its keys
}

// NewTracker begins without members. settle is how long the ring before a change is still of use: about as long as
// blocks take to reach their new owners.
func NewTracker(grace, settle time.Duration) *Tracker {
	return &Tracker{grace: grace, settle: settle, ring: New(), failed: map[string]time.Time{}}
}

// Join adds a member, brings a failed one back, or changes a weight.
func (t *Tracker) Join(now time.Time, m Member) {
	t.Tick(now)
	delete(t.failed, m.ID)
	t.become(now, t.ring.With(m))
}

// Leave removes a member that said so.
func (t *Tracker) Leave(now time.Time, id string) {
	t.Tick(now)
	delete(t.failed, id)
	t.become(now, t.ring.Without(id))
}

// Fail notes that a member does not answer.
func (t *Tracker) Fail(now time.Time, id string) {
	t.Tick(now)
	if _, known := t.ring.find(id); !known {
		return
	}
	if _, again := t.failed[id]; !again {
		t.failed[id] = now.Add(t.grace)
	}
	t.Tick(now)
}

// Tick lets time pass. next is when something will change by itself; zero if nothing will.
func (t *Tracker) Tick(now time.Time) (next time.Time) {
	r := t.ring
	for id, until := range t.failed {
		if now.Before(until) {
			next = earlier(next, until)
			continue
		}
		delete(t.failed, id)
		r = r.Without(id)
	}
	t.become(now, r)
	if t.before != nil {
		if until := t.changed.Add(t.settle); now.Before(until) {
			return earlier(next, until)
		}
		t.before = nil
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// become makes r the ring. Of several changes in a row the ring before the first is kept: that is where blocks are.
func (t *Tracker) become(now time.Time, r *Ring) {
	if r == t.ring {
		return
	}
	if t.before == nil && len(t.ring.members) > 0 {
		t.before = t.ring
	}
	t.ring, t.changed = r, now
}

// Rings are the ring that counts, and the one before while that is of use, else nil.
func (t *Tracker) Rings() (now, before *Ring) { return t.ring, t.before }
