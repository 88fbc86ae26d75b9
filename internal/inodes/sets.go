package inodes

import "math/bits"

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

// Waiting calls f for the files that wait for their upload, in the order of slots, from behind the one of ino after,
// until f says no.
func (t *Table) Waiting(after uint64, f func(ino uint64) bool) {
	t.waiting.after(uint32(after), func(slot uint32) bool { return f(t.rec(slot).ino(slot)) })
}

// expiry is when an inode's time to live ends, or ended once: what is said here is compared with the inode.
type expiry struct {
	at  int64
	ino uint64
}

// expiries is a heap, the earliest first.
type expiries struct{ heap []expiry }

// ends notes an expiry. Times to live that are renewed over and over leave overtaken ones: once these are the most, the
// heap is made anew.
func (t *Table) ends(e expiry) {
	if len(t.expiry.heap) > 2*len(t.aside.lives)+64 {
		t.expiry.heap = t.expiry.heap[:0]
		for slot, l := range t.aside.lives {
			t.expiry.add(expiry{l.from + l.ttl, t.rec(slot).ino(slot)})
		}
		return
	}
	t.expiry.add(e)
}

func (x *expiries) add(e expiry) {
	x.heap = append(x.heap, e)
	for i := len(x.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if x.heap[up].at <= x.heap[i].at {
			return
		}
		x.heap[up], x.heap[i] = x.heap[i], x.heap[up]
		i = up
	}
}

func (x *expiries) pop() {
	n := len(x.heap) - 1
	x.heap[0] = x.heap[n]
	x.heap = x.heap[:n]
	for i := 0; ; {
		low := 2*i + 1
		if low >= n {
			return
		}
		if low+1 < n && x.heap[low+1].at < x.heap[low].at {
			low++
		}
		if x.heap[i].at <= x.heap[low].at {
			return
		}
		x.heap[i], x.heap[low] = x.heap[low], x.heap[i]
		i = low
	}
}

// expires reports whether e is still what the inode says.
func (t *Table) expires(e expiry) bool {
	r := t.at(e.ino)
	if r == nil || !r.is(hasTTL) {
		return false
	}
	l := t.aside.lives[uint32(e.ino)]
	return l.from+l.ttl == e.at
}

// Settle forgets expiries that are due and were overtaken. Whoever changes the table calls it now and then.
func (t *Table) Settle(now int64) {
	for len(t.expiry.heap) > 0 && t.expiry.heap[0].at <= now && !t.expires(t.expiry.heap[0]) {
		t.expiry.pop()
	}
}

// Expired are up to limit complete inodes whose time to live ended, in no order.
func (t *Table) Expired(now int64, limit int) (inos []uint64) {
	seen := map[uint64]bool{}
	var visit func(i int)
	visit = func(i int) {
		if i >= len(t.expiry.heap) || t.expiry.heap[i].at > now || len(inos) >= limit {
			return
		}
		if e := t.expiry.heap[i]; t.expires(e) && t.at(e.ino).is(isComplete) && !seen[e.ino] {
			seen[e.ino] = true
			inos = append(inos, e.ino)
		}
		visit(2*i + 1)
		visit(2*i + 2)
	}
	visit(0)
	return inos
}
