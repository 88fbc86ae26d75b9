package peer

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/peer/internal/gossip"
	"github.com/millpond/millpond/peer/internal/ring"
)

// settle is how long the owner before a change is asked as well: blocks move when they are read, so those that are read
// at all have mostly moved by then.
const settle = 5 * time.Minute

// table holds what gossip says of the members. Changes are collected by apply and shown by run, all that have come at once:
// a thousand nodes that start make a few rings, not a thousand.
type table struct {
	self  string
	event func(Member)
	moved func(RingInfo)
	shown atomic.Pointer[view]
	dirty chan struct{}             // of one
	last  atomic.Pointer[ring.Ring] // made last, to make the next from
	rings *ring.Cache               // of the nodes in this process; nil: there are no others

	mu struct {
		sync.Mutex
		members map[string]Member
		tracker *ring.Tracker
	}
}

func newTable(cfg Config, self Member) *table {
	t := &table{self: self.ID, event: cfg.Events.Member, moved: cfg.Events.Ring, dirty: make(chan struct{}, 1), rings: shared(cfg.Network)}
	t.mu.members = map[string]Member{self.ID: self}
	t.mu.tracker = ring.NewTracker(self.ID, cfg.GraceTime, settle)
	t.mu.tracker.Join(time.Now(), ring.Member{ID: self.ID, Weight: self.Weight})
	t.show()
	return t
}

// apply takes news of a member.
func (t *table) apply(e gossip.Event) {
	m, changed := t.note(e)
	if !changed {
		return
	}
	select {
	case t.dirty <- struct{}{}:
	default:
	}
	if t.event != nil && e.Kind != gossip.Forgotten {
		t.event(m)
	}
}

func (t *table) note(e gossip.Event) (m Member, changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	was, known := t.mu.members[e.ID]
	if e.Kind == gossip.Forgotten {
		delete(t.mu.members, e.ID)
		t.mu.tracker.Leave(time.Now(), e.ID)
		return was, known
	}
	m = memberOf(e)
	m.Self, m.Since = m.ID == t.self, was.Since
	if !known || m.State != was.State {
		m.Since = time.Now()
	}
	t.mu.members[e.ID] = m
	switch m.State {
	case Alive:
		t.mu.tracker.Join(time.Now(), ring.Member{ID: m.ID, Weight: m.Weight})
	case Failed:
		t.mu.tracker.Fail(time.Now(), m.ID)
	case Left:
		t.mu.tracker.Leave(time.Now(), m.ID)
	}
	return m, true
}

func memberOf(e gossip.Event) Member {
	states := map[gossip.Kind]State{gossip.Alive: Alive, gossip.Failed: Failed, gossip.Left: Left}
	return Member{
		ID: e.ID, Addr: e.Addr.String(), Zone: e.Tags.Zone, Rack: e.Tags.Rack, Weight: e.Tags.Weight, Level: e.Tags.Level,
		Version: e.Tags.Version, State: states[e.Kind], Meta: e.Tags.Meta,
	}
}

// run shows changes until ctx ends.
func (t *table) run(ctx context.Context) {
	var timer <-chan time.Time
	for {
		if next := t.show(); next > 0 {
			timer = time.After(next)
		}
		select {
		case <-t.dirty:
		case <-timer:
		case <-ctx.Done():
			return
		}
	}
}

// show makes a view of what there is. It returns how long until time alone changes something; 0: never.
func (t *table) show() time.Duration {
	v, next := t.look()
	if old := t.shown.Load(); old != nil && old.asked.Load() {
		v.rings() // who asks again need not wait for it
	}
	old := t.shown.Swap(v)
	if old == nil {
		return next
	}
	if t.moved != nil && old.set != v.set {
		t.moved(RingInfo{Members: len(v.set.Members())})
	}
	close(old.replaced)
	return next
}

func (t *table) look() (*view, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	next := t.mu.tracker.Tick(now)
	v := &view{table: t, replaced: make(chan struct{})}
	v.set, v.before = t.mu.tracker.Sets()
	v.lasted, v.until = t.mu.tracker.Lasted()
	for _, m := range t.mu.members {
		v.members = append(v.members, m)
		if m.State != Alive {
			v.down++
		}
	}
	slices.SortFunc(v.members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	v.rings, v.lastedRing = sync.OnceValues(v.makeRings), sync.OnceValue(v.makeLasted)
	if next.IsZero() {
		return v, 0
	}
	return v, max(next.Sub(now), time.Millisecond)
}
