package tier

import (
	"slices"
	"sync"
	"sync/atomic"
)

// names orders what happens to blocks of one name: coming, leaving, being marked. A stripe is never held across I/O.
// Lock order: a stripe, then an index stripe, slotTable.mu, a policy shard, the arena.
type names struct {
	stripe [64]nameStripe
}

type nameStripe struct {
	sync.Mutex
	moves  *move       // of its names
	drops  []*dropping // under way
	sealed bool        // nothing enters memory any more
	closed bool        // nothing comes any more
	_      [16]byte
}

// move is a copy of a block that nobody can find yet: it is being written, brought up or taken down. What happens to
// the block meanwhile is noted here, so that it happens to the copy as well.
type move struct {
	id         BlockID
	open       bool        // linked; guarded by the stripe, like what follows
	dropped    atomic.Bool // a Drop overlapped it: the copy must not be found
	set, clear uint32      // marks that were changed
	follows    bool        // into memory, from a disk: what was changed is to be changed on the copy as it enters; its owner's
	prev, next *move
}

// dropping is a Drop, or a DropFile, that is under way.
type dropping struct {
	id    BlockID
	whole bool // all of id's file
}

func (d *dropping) covers(id *BlockID) bool {
	return d.id == *id || d.whole && d.id.File() == id.File()
}

func (n *names) of(key uint64) *nameStripe { return &n.stripe[key%uint64(len(n.stripe))] }

// begin announces m, which ends with end, before its source is looked at. Errors: ErrClosed.
func (n *names) begin(m *move, id BlockID) error {
	*m = move{id: id}
	s := n.of(id.hash())
	s.Lock()
	defer s.Unlock()
	if s.closed {
		return ErrClosed
	}
	if slices.ContainsFunc(s.drops, func(d *dropping) bool { return d.covers(&id) }) {
		m.dropped.Store(true)
	}
	if m.next = s.moves; m.next != nil {
		m.next.prev = m
	}
	s.moves, m.open = m, true
	return nil
}

// end takes m back; a second call does nothing.
func (n *names) end(m *move) {
	s := n.of(m.id.hash())
	s.Lock()
	defer s.Unlock()
	s.endLocked(m)
}

func (s *nameStripe) endLocked(m *move) {
	if !m.open {
		return
	}
	m.open = false
	if m.next != nil {
		m.next.prev = m.prev
	}
	if m.prev != nil {
		m.prev.next = m.next
	} else {
		s.moves = m.next
	}
	m.prev, m.next = nil, nil
}

// marks returns what was marked since the last call and is to be changed on the copy, which can be found by now. If that
// is nothing, m has ended: later marks find the copy.
func (n *names) marks(m *move) (set, clear uint32) {
	s := n.of(m.id.hash())
	s.Lock()
	defer s.Unlock()
	if set, clear = m.set, m.clear; set|clear == 0 {
		s.endLocked(m)
	}
	m.set, m.clear = 0, 0
	return set, clear
}

// dropLocked begins a drop here: the moves that it covers, and those that begin before dropped, come to nothing.
func (s *nameStripe) dropLocked(d *dropping) {
	s.drops = append(s.drops, d)
	for m := s.moves; m != nil; m = m.next {
		if d.covers(&m.id) {
			m.dropped.Store(true)
		}
	}
}

// dropped ends a drop here.
func (s *nameStripe) dropped(d *dropping) {
	s.Lock()
	defer s.Unlock()
	s.drops = slices.DeleteFunc(s.drops, func(o *dropping) bool { return o == d })
}

// markLocked notes that a block's marks are changed.
func (s *nameStripe) markLocked(id *BlockID, set, clear uint32) {
	for m := s.moves; m != nil; m = m.next {
		if m.id == *id {
			m.set = m.set&^clear | set
			m.clear = m.clear&^set | clear
		}
	}
}

// seal lets nothing enter memory any more: what is there now is what Close saves.
func (n *names) seal() { n.each(func(s *nameStripe) { s.sealed = true }) }

// close lets nothing come any more, to a disk neither.
func (n *names) close() { n.each(func(s *nameStripe) { s.closed = true }) }

func (n *names) each(f func(*nameStripe)) {
	for i := range n.stripe {
		s := &n.stripe[i]
		s.Lock()
		f(s)
		s.Unlock()
	}
}
