package inodes

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Restoring is a table that is made from a checkpoint: Header, then each Chunk, then Done.
type Restoring struct {
	t    *Table
	want uint32 // slots
	live int
}

// Restore begins to make a table.
func Restore(header []byte) (*Restoring, error) {
	t := empty()
	d := &decoder{b: header}
	n := d.count()
	t.classes.free = uint32(d.uint())
	for i := 1; i < n && d.err == nil; i++ {
		t.classes.restore(d)
	}
	want, freed, live := d.uint(), d.uint(), d.uint()
	loose := uint64(0)
	if d.err == nil && len(d.b) > 0 {
		loose = d.uint()
	}
	switch {
	case d.err != nil:
		return nil, d.err
	case len(d.b) > 0:
		return nil, errors.New("bytes behind the header")
	case want > 1<<32-1 || freed >= want || live >= want || loose >= want:
		return nil, fmt.Errorf("%d inodes in %d slots, first free %d, cut off %d", live, want, freed, loose)
	}
	t.freed, t.loose = uint32(freed), uint32(loose)
	return &Restoring{t: t, want: uint32(want), live: int(live)}, nil
}

func (t *classTable) restore(d *decoder) {
	id := uint32(len(t.list))
	head := d.raw(1)
	if head == nil || head[0] > 1 {
		d.fail()
		return
	}
	if head[0] == 0 {
		t.list = append(t.list, sharedClass{next: uint32(d.uint())})
		return
	}
	c := d.class()
	e := &encoder{}
	e.class(&c)
	t.list = append(t.list, sharedClass{class: &c, key: string(e.b)})
	t.ids[string(e.b)] = id
}

// Chunk adds the next chunk.
func (x *Restoring) Chunk(b []byte) error {
	t, d := x.t, &decoder{b: b}
	for end := min((t.slots/chunk+1)*chunk, x.want); t.slots < end && d.err == nil; {
		if int(t.slots)/pageRecords >= len(t.recs.pages) {
			t.recs.grow(pageRecords)
		}
		t.slots++
		x.slot(d, t.slots-1)
	}
	if d.err == nil && len(d.b) > 0 {
		d.err = errors.New("bytes behind the last slot")
	}
	if d.err != nil {
		return fmt.Errorf("slot %d: %w", t.slots-1, d.err)
	}
	return nil
}

func (x *Restoring) slot(d *decoder, slot uint32) {
	t, r := x.t, x.t.rec(slot)
	head := d.uint()
	r.gen = uint16(head >> 1)
	if head&1 == 0 {
		r.parent = uint32(d.uint())
		return
	}
	r.flags, r.parent, r.class = uint16(d.uint()), uint32(d.uint()), uint32(d.uint())
	r.size, r.mod, r.changed, r.synced = d.int(), d.int(), d.int(), d.int()
	if !r.is(isDir) {
		copy(r.fileID()[:], d.raw(16))
	}
	name, version := d.bytes(), d.bytes()
	if r.is(hasTTL) {
		t.aside.lives[slot] = life{d.int(), d.int()}
	}
	if r.is(hasLease) {
		l := lease{}
		copy(l.id[:], d.raw(16))
		l.parent = d.uint()
		t.aside.leases[slot] = l
	}
	if r.is(hasIntent) {
		t.aside.intents[slot] = d.uint()
	}
	if r.is(hasRare) {
		t.aside.rares[slot] = d.rare()
	}
	if d.err != nil {
		return
	}
	if err := t.sound(slot, r, name, version); err != nil {
		d.err, d.b = err, nil
		return
	}
	t.classes.list[r.class].refs++
	t.setCell(r, string(name), version)
	t.waiting.set(slot, waits(r))
	t.unsaved.set(slot, isUnsaved(r))
	if ends, ok := t.ends(slot, r); ok {
		t.expiry.set(slot, ends)
	}
	x.live--
}

// sound checks one inode as far as it can be alone.
func (t *Table) sound(slot uint32, r *record, name, version []byte) error {
	switch {
	case !r.is(used):
		return errors.New("no inode")
	case r.flags&^allFlags != 0:
		return fmt.Errorf("unknown flags %#x", r.flags&^allFlags)
	case int(r.class) >= len(t.classes.list) || t.classes.list[r.class].key == "":
		return fmt.Errorf("class %d is not there", r.class)
	case slot != Root && (len(name) == 0 || len(name) > 255):
		return fmt.Errorf("name of %d bytes", len(name))
	case slot == Root && (len(name) > 0 || r.parent != 0 || r.flags&(isDir|isShadow) != isDir || r.gen != 0):
		return errors.New("not a root directory")
	case len(version) > maxPacked+1 || !goodPacked(version):
		return errors.New("version packed in an unknown way")
	case r.is(isDir) && (r.is(isShadow) || r.is(hasLease)):
		return errors.New("directory that is being written")
	case r.is(isMount) && !r.is(isDir):
		return errors.New("mount point that is no directory")
	case !r.is(isDir) && r.is(isComplete) == r.is(hasLease):
		return errors.New("lease and completeness do not agree")
	case r.is(isLoose) && (slot == Root || !r.is(isDir)):
		return errors.New("the root, or a file, is cut off")
	case r.is(isShadow) && r.is(isComplete):
		return errors.New("complete file without a name")
	case r.is(hasTTL) && t.aside.lives[slot].ttl == 0, r.is(hasIntent) && t.aside.intents[slot] == 0:
		return errors.New("flags and what is aside do not agree")
	}
	return nil
}

// Done makes the index and the directories, and checks that all hangs together.
func (x *Restoring) Done() (*Table, error) {
	t := x.t
	switch {
	case t.slots != x.want && (t.slots != 1 || x.want != 0):
		return nil, fmt.Errorf("%d of %d slots", t.slots, x.want)
	case x.live != 0:
		return nil, fmt.Errorf("%d inodes more or less than the header says", x.live)
	case t.slots < 2 || !t.rec(Root).is(used):
		return nil, errors.New("no root directory")
	}
	err := t.lists()
	if err != nil {
		return nil, err
	}
	kids, err := t.parents()
	if err != nil {
		return nil, err
	}
	return t, t.fillDirs(kids)
}

// lists checks that the free slots and the trees that were cut off are lists that end.
func (t *Table) lists() error {
	loose := 0
	for slot := uint32(Root); slot < t.slots; slot++ {
		if r := t.rec(slot); r.is(used) && r.is(isLoose) {
			loose++
		}
	}
	for slot := t.loose; slot != 0; slot = t.rec(slot).parent {
		if loose--; loose < 0 || slot >= t.slots || t.rec(slot).flags&(used|isLoose) != used|isLoose {
			return errors.New("the list of trees that were cut off is damaged")
		}
	}
	if loose != 0 {
		return errors.New("a tree that was cut off is in no list")
	}
	free := int(t.slots)
	for slot := t.freed; slot != 0; slot = t.rec(slot).parent {
		if free--; free < 0 || slot >= t.slots || t.rec(slot).is(used) {
			return errors.New("the list of free slots is damaged")
		}
	}
	for id, n := t.classes.free, len(t.classes.list); id != 0; id = t.classes.list[id].next {
		if n--; n < 0 || int(id) >= len(t.classes.list) || t.classes.list[id].key != "" {
			return errors.New("the list of free classes is damaged")
		}
	}
	return nil
}

// parents checks that each linked inode has a directory and hangs below the root, counts each directory's children in
// its record, and returns all linked slots.
func (t *Table) parents() (linked []uint32, err error) {
	t.live = 0
	below := make([]uint64, t.slots/64+1) // known to hang below the root
	below[0] |= 1 << Root
	var way []uint32
	for slot := uint32(Root); slot < t.slots; slot++ {
		r := t.rec(slot)
		if !r.is(used) {
			continue
		}
		t.live++
		if slot == Root || r.is(isLoose) {
			continue
		}
		if r.is(isShadow) { // its directory may be gone
			if r.parent >= t.slots {
				return nil, fmt.Errorf("slot %d: no slot %d", slot, r.parent)
			}
			continue
		}
		if r.parent == 0 || r.parent >= t.slots || t.rec(r.parent).flags&(used|isDir) != used|isDir {
			return nil, fmt.Errorf("slot %d: no directory at slot %d", slot, r.parent)
		}
		t.rec(r.parent).id[kidsCount]++
		linked = append(linked, slot)
		way = way[:0]
		for s := slot; ; s = t.rec(s).parent {
			if s == 0 || s >= t.slots || len(way) > int(t.slots) {
				return nil, fmt.Errorf("slot %d does not hang below the root", slot)
			}
			if below[s/64]&(1<<(s%64)) != 0 || t.rec(s).is(isLoose) {
				break
			}
			way = append(way, s)
		}
		for _, s := range way {
			below[s/64] |= 1 << (s % 64)
		}
	}
	return linked, nil
}

// kid is a child with the first bytes of its name, which decide nearly all comparisons without a look at the name.
type kid struct {
	prefix uint64
	slot   uint32
}

func (t *Table) kid(slot uint32) kid {
	var b [8]byte
	copy(b[:], t.name(t.rec(slot)))
	return kid{binary.BigEndian.Uint64(b[:]), slot}
}

func (t *Table) compare(a, b kid) int {
	if c := cmp.Compare(a.prefix, b.prefix); c != 0 {
		return c
	}
	return cmp.Compare(t.name(t.rec(a.slot)), t.name(t.rec(b.slot)))
}

// fillDirs sorts the linked inodes into their directories, whose counts are known, and enters them into the index.
func (t *Table) fillDirs(linked []uint32) error {
	begin := make(map[uint32]int)
	at := 0
	for _, slot := range linked {
		p := t.rec(slot).parent
		if _, ok := begin[p]; !ok {
			begin[p] = at
			at += int(t.rec(p).id[kidsCount])
		}
	}
	kids, fill := make([]kid, len(linked)), make(map[uint32]int, len(begin))
	for _, slot := range linked {
		p := t.rec(slot).parent
		kids[begin[p]+fill[p]] = t.kid(slot)
		fill[p]++
	}
	for p, from := range begin {
		mine := kids[from : from+fill[p]]
		slices.SortFunc(mine, t.compare)
		for i := 1; i < len(mine); i++ {
			if t.compare(mine[i-1], mine[i]) == 0 {
				return fmt.Errorf("slots %d and %d have one name", mine[i-1].slot, mine[i].slot)
			}
		}
		t.setKids(t.rec(p), mine)
	}
	for _, slot := range linked {
		r := t.rec(slot)
		s, h := t.names.hash(r.parent, t.name(r))
		s.add(entry{slot, h})
	}
	return nil
}

// setKids makes the leaves of a directory that has none.
func (t *Table) setKids(d *record, kids []kid) {
	var leaves []leaf
	for part := range slices.Chunk(kids, leafSlots) {
		var l leaf
		t.resize(&l, len(part))
		slots := t.cells.slots(l.ref, len(part))
		for i, k := range part {
			slots[i] = k.slot
		}
		l.n = uint16(len(part))
		leaves = append(leaves, l)
	}
	if len(leaves) == 1 {
		d.id = [4]uint32{leaves[0].ref, uint32(leaves[0].n), uint32(leaves[0].room), 0}
		return
	}
	d.id = [4]uint32{t.large.add(leaves), uint32(len(kids)), 0, 1}
}
