package inodes

import (
	"iter"
	"slices"
)

// leafSlots is how many children a leaf has room for at most.
const leafSlots = 128

// leaf is a piece of a large directory: n slots in the order of their names, in a cell with room for more.
type leaf struct {
	ref     uint32
	n, room uint16
}

// largeDirs are the lists of leaves of directories with more children than one leaf holds, by number.
type largeDirs struct {
	list [][]leaf
	free []uint32
}

func (l *largeDirs) add(leaves []leaf) uint32 {
	if n := len(l.free); n > 0 {
		at := l.free[n-1]
		l.free = l.free[:n-1]
		l.list[at] = leaves
		return at
	}
	l.list = append(l.list, leaves)
	return uint32(len(l.list) - 1)
}

func (l *largeDirs) drop(at uint32) {
	l.list[at] = nil
	l.free = append(l.free, at)
}

// Count is how many children a directory has.
func (t *Table) Count(dir uint64) int {
	if r := t.at(dir); r != nil && r.is(isDir) {
		return int(r.id[kidsCount])
	}
	return 0
}

// kidsOf are the slots of d's children in the order of names, leaf by leaf.
func (t *Table) kidsOf(d *record) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		t.kidsFrom(d, "", yield)
	}
}

// kidsFrom yields the children whose names are greater than after; "" is all of them.
func (t *Table) kidsFrom(d *record, after string, yield func(uint32) bool) {
	one := [1]leaf{{d.id[kidsRef], uint16(d.id[kidsCount]), uint16(d.id[kidsRoom])}}
	leaves := one[:]
	if d.id[kidsLarge] != 0 {
		leaves = t.large.list[d.id[kidsRef]]
	} else if d.id[kidsCount] == 0 {
		return
	}
	i := 0
	if after != "" {
		i = t.leafOf(leaves, after)
	}
	for ; i < len(leaves); i++ {
		slots := t.cells.slots(leaves[i].ref, int(leaves[i].n))
		if after != "" {
			at, hit := t.search(slots, after)
			if hit {
				at++
			}
			slots, after = slots[at:], ""
		}
		for _, slot := range slots {
			if !yield(slot) {
				return
			}
		}
	}
}

// search finds name among slots.
func (t *Table) search(slots []uint32, name string) (int, bool) {
	if n := len(slots); n > 0 && t.name(t.rec(slots[n-1])) < name { // names often come in order
		return n, false
	}
	return slices.BinarySearchFunc(slots, name, func(slot uint32, name string) int {
		switch have := t.name(t.rec(slot)); {
		case have < name:
			return -1
		case have > name:
			return 1
		}
		return 0
	})
}

// leafOf is the leaf that name belongs into.
func (t *Table) leafOf(leaves []leaf, name string) int {
	last := len(leaves) - 1
	if t.first(&leaves[last]) <= name {
		return last
	}
	i, hit := slices.BinarySearchFunc(leaves, name, func(l leaf, name string) int {
		switch have := t.first(&l); {
		case have < name:
			return -1
		case have > name:
			return 1
		}
		return 0
	})
	if hit || i == 0 {
		return i
	}
	return i - 1
}

func (t *Table) first(l *leaf) string { return t.name(t.rec(t.cells.slots(l.ref, 1)[0])) }

func (t *Table) insertKid(d *record, slot uint32) {
	name := t.name(t.rec(slot))
	if d.id[kidsLarge] == 0 {
		l := leaf{d.id[kidsRef], uint16(d.id[kidsCount]), uint16(d.id[kidsRoom])}
		if l.n < leafSlots {
			t.insertInto(&l, slot, name)
			d.id = [4]uint32{l.ref, uint32(l.n), uint32(l.room), 0}
			return
		}
		d.id = [4]uint32{t.large.add([]leaf{l}), uint32(l.n), 0, 1}
	}
	leaves := t.large.list[d.id[kidsRef]]
	i := t.leafOf(leaves, name)
	if leaves[i].n == leafSlots {
		leaves = t.split(leaves, i, name)
		t.large.list[d.id[kidsRef]] = leaves
		if i+1 < len(leaves) && leaves[i+1].n == 0 || t.first(&leaves[i+1]) <= name {
			i++
		}
	}
	t.insertInto(&leaves[i], slot, name)
	d.id[kidsCount]++
}

// insertInto adds a slot to a leaf that is not full.
func (t *Table) insertInto(l *leaf, slot uint32, name string) {
	at := 0
	if l.n > 0 {
		at, _ = t.search(t.cells.slots(l.ref, int(l.n)), name)
	}
	if l.n == l.room {
		t.resize(l, min(leafSlots, int(l.n)+max(2, int(l.n)/4)))
	}
	slots := t.cells.slots(l.ref, int(l.n)+1)
	copy(slots[at+1:], slots[at:l.n])
	slots[at] = slot
	l.n++
}

// resize moves a leaf into a cell of at least room slots.
func (t *Table) resize(l *leaf, room int) {
	_, room = sizeClass(room)
	ref := t.cells.alloc(room)
	if l.n > 0 {
		copy(t.cells.slots(ref, int(l.n)), t.cells.slots(l.ref, int(l.n)))
	}
	if l.room > 0 {
		t.cells.put(l.ref, int(l.room))
	}
	l.ref, l.room = ref, uint16(room)
}

// split makes room beside a full leaf: behind the last one an empty leaf if the name goes there, so that names that come
// in order fill their leaves; else half of it moves.
func (t *Table) split(leaves []leaf, i int, name string) []leaf {
	slots := t.cells.slots(leaves[i].ref, leafSlots)
	var right leaf
	if i < len(leaves)-1 || name < t.name(t.rec(slots[leafSlots-1])) {
		half := slots[leafSlots/2:]
		t.resize(&right, len(half)+8)
		right.n = uint16(copy(t.cells.slots(right.ref, len(half)), half))
		leaves[i].n -= right.n
		t.resize(&leaves[i], int(leaves[i].n)+8)
	}
	return slices.Insert(leaves, i+1, right)
}

func (t *Table) removeKid(d *record, slot uint32) {
	name := t.name(t.rec(slot))
	d.id[kidsCount]--
	if d.id[kidsLarge] == 0 {
		l := leaf{d.id[kidsRef], uint16(d.id[kidsCount] + 1), uint16(d.id[kidsRoom])}
		t.removeFrom(&l, slot, name)
		d.id = [4]uint32{l.ref, uint32(l.n), uint32(l.room), 0}
		return
	}
	leaves := t.large.list[d.id[kidsRef]]
	i := t.leafOf(leaves, name)
	if t.removeFrom(&leaves[i], slot, name); leaves[i].n == 0 {
		leaves = slices.Delete(leaves, i, i+1)
		t.large.list[d.id[kidsRef]] = leaves
	}
	if len(leaves) == 1 {
		t.large.drop(d.id[kidsRef])
		d.id = [4]uint32{leaves[0].ref, uint32(leaves[0].n), uint32(leaves[0].room), 0}
	}
}

func (t *Table) removeFrom(l *leaf, slot uint32, name string) {
	slots := t.cells.slots(l.ref, int(l.n))
	at, _ := t.search(slots, name)
	copy(slots[at:], slots[at+1:])
	switch l.n--; {
	case l.n == 0:
		t.cells.put(l.ref, int(l.room))
		*l = leaf{}
	case l.room > 8 && l.n < l.room/2:
		t.resize(l, int(l.n)+2)
	}
}

// freeKids gives back the leaves of a directory.
func (t *Table) freeKids(d *record) {
	switch {
	case d.id[kidsLarge] != 0:
		for _, l := range t.large.list[d.id[kidsRef]] {
			t.cells.put(l.ref, int(l.room))
		}
		t.large.drop(d.id[kidsRef])
	case d.id[kidsRoom] != 0:
		t.cells.put(d.id[kidsRef], int(d.id[kidsRoom]))
	}
	d.id = [4]uint32{}
}
