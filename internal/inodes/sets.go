package inodes

import (
	"math"
	"math/bits"
)

// bitset is a set of slots.
type bitset struct {
	words []uint64
	n     int
}

func (s *bitset) set(slot uint32, on bool) {
	w, bit := int(slot/64), uint64(1)<<(slot%64)
	if w >= len(s.words) {
		if !on {
			return
		}
		s.words = append(s.words, make([]uint64, w+1-len(s.words))...)
	}
	switch had := s.words[w]&bit != 0; {
	case on && !had:
		s.words[w] |= bit
		s.n++
	case !on && had:
		s.words[w] &^= bit
		s.n--
	}
}

// after yields the members above slot in order.
func (s *bitset) after(slot uint32, yield func(uint32) bool) {
	if s.n == 0 {
		return
	}
	from := uint64(slot) + 1
	for w := int(from / 64); w < len(s.words); w++ {
		word := s.words[w]
		if w == int(from/64) {
			word &= ^uint64(0) << (from % 64)
		}
		for ; word != 0; word &= word - 1 {
			if !yield(uint32(w*64 + bits.TrailingZeros64(word))) {
				return
			}
		}
	}
}

// waits reports whether a file waits for its upload.
func waits(r *record) bool {
	return r.flags&(used|isDir|isComplete|isShadow) == used|isComplete && r.persist() == ToPersist
}

// isUnsaved reports whether a file is being written or is not in its under store.
func isUnsaved(r *record) bool {
	return r.flags&(used|isDir) == used && (!r.is(isComplete) || r.persist() != Persisted)
}

// Unsaved calls f for the files that are being written or are not in their under store, in the order of slots, from behind
// the one of ino after, until f says no.
func (t *Table) Unsaved(after uint64, f func(ino uint64) bool) {
	t.unsaved.after(uint32(after), func(slot uint32) bool { return f(t.rec(slot).ino(slot)) })
}

// Waiting calls f for the files that wait for their upload, in the order of slots, from behind the one of ino after,
// until f says no.
func (t *Table) Waiting(after uint64, f func(ino uint64) bool) {
	t.waiting.after(uint32(after), func(slot uint32) bool { return f(t.rec(slot).ino(slot)) })
}

// WaitingLen is how many files wait for their upload.
func (t *Table) WaitingLen() int { return t.waiting.n }

// expiries is a heap of the slots whose time to live ends, the earliest first, that knows where each slot stands.
type expiries struct {
	heap []expiry
	at   map[uint32]int
}

type expiry struct {
	ends int64
	slot uint32
}

// ends is when the time to live of what is at slot is over; false for never, and for a file that is being written.
func (t *Table) ends(slot uint32, r *record) (at int64, ok bool) {
	if !r.is(hasTTL) || !r.is(isComplete) {
		return 0, false
	}
	l := t.aside.lives[slot]
	if at = l.from + l.ttl; l.ttl > 0 && at < l.from { // later than a time can say
		at = math.MaxInt64
	}
	return at, true
}

// set enters a slot, or moves it.
func (x *expiries) set(slot uint32, ends int64) {
	i, known := x.at[slot]
	if !known {
		i = len(x.heap)
		x.heap = append(x.heap, expiry{})
	}
	x.place(i, expiry{ends, slot})
}

// drop takes a slot out, if it is in.
func (x *expiries) drop(slot uint32) {
	i, known := x.at[slot]
	if !known {
		return
	}
	delete(x.at, slot)
	last := len(x.heap) - 1
	moved := x.heap[last]
	if x.heap = x.heap[:last]; i < last {
		x.place(i, moved)
	}
}

// place puts e where it belongs, of the places above and below i, which is free.
func (x *expiries) place(i int, e expiry) {
	for up := (i - 1) / 2; i > 0 && x.heap[up].ends > e.ends; i, up = up, (up-1)/2 {
		x.put(i, x.heap[up])
	}
	for {
		low := 2*i + 1
		if low+1 < len(x.heap) && x.heap[low+1].ends < x.heap[low].ends {
			low++
		}
		if low >= len(x.heap) || e.ends <= x.heap[low].ends {
			break
		}
		x.put(i, x.heap[low])
		i = low
	}
	x.put(i, e)
}

func (x *expiries) put(i int, e expiry) { x.heap[i], x.at[e.slot] = e, i }

// due calls f for the slots that end up to now, in no order, until it says no. It looks at no more than twice as many.
func (x *expiries) due(i int, now int64, f func(uint32) bool) bool {
	if i >= len(x.heap) || x.heap[i].ends > now {
		return true
	}
	return f(x.heap[i].slot) && x.due(2*i+1, now, f) && x.due(2*i+2, now, f)
}

// Expired are up to limit complete inodes whose time to live ended, in no order.
func (t *Table) Expired(now int64, limit int) (inos []uint64) {
	t.expiry.due(0, now, func(slot uint32) bool {
		if len(inos) < limit {
			inos = append(inos, t.rec(slot).ino(slot))
		}
		return len(inos) < limit
	})
	return inos
}
