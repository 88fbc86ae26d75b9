package ring

import "time"

// Tracker follows members as they come and go and says which of them own keys. It is a pure step: the time comes with each
// call and never goes back. A member that fails keeps its keys for the grace time, so that one that flaps moves no
// block; one that leaves on purpose gives them up at once.
type Tracker struct {
	self          string
	grace, settle time.Duration
	set, before   *Set
	lasted        *Set                 // the latest one before set by which others may have asked self for blocks
	changed       time.Time            // when set became it
	failed        map[string]time.Time // until when a failed member keeps its keys
	joining       bool                 // before is the mesh that self came to
}

// NewTracker begins without members. settle is how long the set before a change is still of use: about as long as
// blocks take to reach their new owners. self is the ID of the node that tracks.
func NewTracker(self string, grace, settle time.Duration) *Tracker {
	return &Tracker{self: self, grace: grace, settle: settle, set: NewSet(), failed: map[string]time.Time{}}
}

// Join adds a member, brings a failed one back, or changes a weight.
func (t *Tracker) Join(now time.Time, m Member) {
	t.Tick(now)
	delete(t.failed, m.ID)
	t.become(now, t.set.With(m))
}

// Leave removes a member that said so.
func (t *Tracker) Leave(now time.Time, id string) {
	t.Tick(now)
	delete(t.failed, id)
	t.become(now, t.set.Without(id))
}

// Fail notes that a member does not answer.
func (t *Tracker) Fail(now time.Time, id string) {
	t.Tick(now)
	if _, known := t.set.find(id); !known {
		return
	}
	if _, again := t.failed[id]; !again {
		t.failed[id] = together(now.Add(t.grace))
	}
	t.Tick(now)
}

// together is the next whole second: members that failed at about one time go in one change of the ring.
func together(t time.Time) time.Time { return t.Add(time.Second - 1).Truncate(time.Second) }

// Tick lets time pass. next is when something will change by itself; zero if nothing will.
func (t *Tracker) Tick(now time.Time) (next time.Time) {
	s := t.set
	for id, until := range t.failed {
		if now.Before(until) {
			next = earlier(next, until)
			continue
		}
		delete(t.failed, id)
		s = s.Without(id)
	}
	t.become(now, s)
	if t.before != nil {
		if until := t.changed.Add(t.settle); now.Before(until) {
			return earlier(next, until)
		}
		t.before, t.lasted = nil, nil
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// become makes s the set. Of several changes in a row the set before the first is kept: that is where blocks are. To a
// node that has been alone, the set before is the mesh that it comes to, as far as it has heard of it.
func (t *Tracker) become(now time.Time, s *Set) {
	if s == t.set {
		return
	}
	if t.before == nil && len(t.set.members) > 0 {
		t.before = t.set
		t.joining = len(t.set.members) == 1 && t.set.members[0].ID == t.self
	}
	if t.joining {
		t.before = s.Without(t.self)
	}
	if len(t.set.members) > 1 && now.Sub(t.changed) >= lasting {
		t.lasted = t.set
	}
	t.set, t.changed = s, now
}

const (
	// lasting is how long a set is the same before blocks are asked for by it: nodes that start together hear of each other faster.
	lasting = 2 * time.Second
	// heard is after how long all have heard of a change, and ask by the new set.
	heard = 30 * time.Second
)

// Sets are the members that count, and those before while that is of use, else nil.
func (t *Tracker) Sets() (now, before *Set) { return t.set, t.before }

// Lasted are the members by which others may go on asking self for blocks, until all have heard of the change. nil: there are none.
// The set before is where blocks may be; to a node that has just come that is a set of others, and this one has it in it.
func (t *Tracker) Lasted() (before *Set, until time.Time) { return t.lasted, t.changed.Add(heard) }
