package policy

// list is a queue of slots, linked through the table: front is hot, back cold.
type list struct {
	front, back uint32
	len         int
	cost        uint64
}

func (l *list) reset() { *l = list{front: none, back: none} }

func (l *list) pushFront(t *table, slot uint32) {
	e := t.at(slot)
	e.prev, e.next = none, l.front
	if l.front == none {
		l.back = slot
	} else {
		t.at(l.front).prev = slot
	}
	l.front = slot
	l.len++
	l.cost += uint64(e.cost())
}

func (l *list) remove(t *table, slot uint32) {
	e := t.at(slot)
	if e.prev == none {
		l.front = e.next
	} else {
		t.at(e.prev).next = e.next
	}
	if e.next == none {
		l.back = e.prev
	} else {
		t.at(e.next).prev = e.prev
	}
	l.len--
	l.cost -= uint64(e.cost())
}
