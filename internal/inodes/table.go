package inodes

import (
	"hash/maphash"
	"maps"
	"runtime"
	"slices"
	"strings"
)

// Root is the number of the root directory, which every table has.
const Root = 1

// memory is what lies off the heap.
type memory struct {
	recs  slab[record]
	cells cells
	names index
}

func (m *memory) release() {
	m.recs.release()
	m.cells.release()
	m.names.release()
}

// Table holds inodes. See the package for what may run beside what.
type Table struct {
	*memory
	slots   uint32 // given out so far, slot 0 with them, which is none
	freed   uint32 // the last slot that came back
	loose   uint32 // the last tree that was cut off
	work    int    // inodes that changes looked at
	live    int
	classes classTable
	aside   aside
	large   largeDirs
	waiting bitset
	unsaved bitset
	expiry  expiries
	pages   pages
	frozen  []*Frozen
	buf     []byte
}

// New returns a table of one inode, the root.
func New() *Table {
	t := empty()
	t.Put(&Inode{Ino: t.Alloc(), Dir: true, Mode: 0o755, Complete: true, ChildrenLoaded: true})
	return t
}

func empty() *Table {
	t := &Table{memory: &memory{names: index{seed: maphash.MakeSeed()}}, slots: 1, classes: newClassTable(), aside: newAside()}
	t.expiry.at = map[uint32]int{}
	t.pages.least = leastPage
	runtime.AddCleanup(t, (*memory).release, t.memory)
	return t
}

// Len is how many inodes there are.
func (t *Table) Len() int { return t.live }

// Full reports whether the table has no room for another inode: at 4 billion of them, or 16 GiB of names.
func (t *Table) Full() bool { return t.freed == 0 && t.slots >= 1<<32-2 || t.cells.full() }

// Alloc gives out a number. The inode is there once it was Put.
func (t *Table) Alloc() uint64 {
	slot := t.freed
	if slot != 0 {
		t.touch(slot)
		r := t.rec(slot)
		t.freed = r.parent
		*r = record{gen: r.gen}
		return r.ino(slot)
	}
	slot = t.slots
	if int(slot)/pageRecords >= len(t.recs.pages) {
		t.recs.grow(pageRecords)
	}
	t.slots++
	return uint64(slot)
}

// Put stores in under its number, which must be one that Alloc gave. Where an inode is linked, its parent and name are
// changed between Unlink and Link only.
func (t *Table) Put(in *Inode) {
	slot := uint32(in.Ino)
	t.touch(slot)
	r := t.rec(slot)
	was := r.flags
	if was == 0 {
		t.live++
	}
	v := in.Version.String()
	packed, long := pack(t.buf[:0], v, in.Size, in.ModTime)
	t.buf = packed
	flags := in.flags() | flag(long, hasRare)
	if !long {
		v = ""
	}
	t.setCell(r, in.Name, packed)
	if was == 0 || !in.is(t.classes.list[r.class].class) {
		id := t.classes.take(in)
		if was != 0 {
			t.classes.drop(r.class)
		}
		r.class = id
	}
	if !in.Dir {
		*r.fileID() = in.FileID
	}
	r.size, r.mod, r.changed, r.synced = in.Size, in.ModTime, in.ChangeTime, in.SyncedAt
	r.parent, r.flags = uint32(in.Parent), flags
	t.aside.put(slot, was, flags, in, v)
	t.waiting.set(slot, waits(r))
	t.unsaved.set(slot, isUnsaved(r))
	if ends, ok := t.ends(slot, r); ok {
		t.expiry.set(slot, ends)
	} else if was&hasTTL != 0 {
		t.expiry.drop(slot)
	}
}

// Get fills in with the inode of that number and reports whether there is one.
func (t *Table) Get(ino uint64, in *Inode) bool {
	r := t.at(ino)
	if r == nil {
		return false
	}
	t.fill(uint32(ino), r, in)
	in.Name = strings.Clone(t.name(r))
	if in.Version.packed {
		in.Version.s = strings.Clone(in.Version.s)
	}
	return true
}

// fill sets all of in but its name. The version's bytes are the table's.
func (t *Table) fill(slot uint32, r *record, in *Inode) {
	*in = Inode{Ino: r.ino(slot), Size: r.size, ModTime: r.mod, ChangeTime: r.changed, SyncedAt: r.synced}
	if up := r.up(); up != 0 {
		in.Parent = t.rec(up).ino(up)
	}
	in.setFlags(r.flags)
	if !in.Dir {
		in.FileID = *r.fileID()
	}
	c := t.classes.list[r.class].class
	in.Mode, in.TTLAction, in.BlockSize, in.ReplicasMin, in.ReplicasMax = c.mode, c.action, c.blockSize, c.least, c.most
	in.Owner, in.Group, in.Homes = c.owner, c.group, c.homes
	if r.flags&(hasTTL|hasLease|hasIntent|hasRare) != 0 {
		t.aside.fill(slot, r.flags, in)
	}
	in.Version = t.version(slot, r)
}

// version is r's, whose bytes are the table's: valid until the next change.
func (t *Table) version(slot uint32, r *record) Version {
	_, packed := t.cell(r)
	switch {
	case len(packed) == 0:
		return Version{}
	case packed[0] == packedAside:
		return VersionOf(t.aside.rares[slot].version)
	}
	return Version{s: view(packed), size: r.size, mod: r.mod, packed: true}
}

// Free forgets an inode that is linked nowhere and, a directory, has no children.
func (t *Table) Free(ino uint64) {
	slot := uint32(ino)
	t.touch(slot)
	r := t.rec(slot)
	if r.is(isDir) {
		t.freeKids(r)
	}
	t.freeCell(r)
	t.classes.drop(r.class)
	if r.is(hasTTL) {
		t.expiry.drop(slot)
	}
	t.aside.drop(slot, r.flags)
	t.waiting.set(slot, false)
	t.unsaved.set(slot, false)
	*r = record{gen: r.gen + 1}
	if r.gen != 0 { // used as often as it can be: a number is never given twice
		r.parent, t.freed = t.freed, slot
	}
	t.live--
}

// Child is the number of what has that name in a directory, 0 for none.
func (t *Table) Child(dir uint64, name string) uint64 {
	slot := t.find(uint32(dir), name)
	if slot == 0 {
		return 0
	}
	return t.rec(slot).ino(slot)
}

func (t *Table) find(dir uint32, name string) uint32 {
	s, h := t.names.hash(dir, name)
	if s.n == 0 {
		return 0
	}
	for i := s.home(h); ; i = s.next(i) {
		e := s.at[i]
		if e.slot == 0 {
			return 0
		}
		if e.hash != h {
			continue
		}
		if r := t.rec(e.slot); r.parent == dir && t.name(r) == name {
			return e.slot
		}
	}
}

// Link enters an inode into its directory under its name, which must be free there.
func (t *Table) Link(ino uint64) {
	slot := uint32(ino)
	r := t.rec(slot)
	s, h := t.names.hash(r.parent, t.name(r))
	s.add(entry{slot, h})
	t.insertKid(t.rec(r.parent), slot)
	t.pages.changed(r.parent)
}

// Unlink takes an inode out of its directory. Put or Free has to follow.
func (t *Table) Unlink(ino uint64) {
	slot := uint32(ino)
	r := t.rec(slot)
	t.unindex(slot, r)
	t.removeKid(t.rec(r.parent), slot) // what follows, Put or Free, changes the pages of the directory
}

func (t *Table) unindex(slot uint32, r *record) {
	s, h := t.names.hash(r.parent, t.name(r))
	i := s.home(h)
	for s.at[i].slot != slot {
		i = s.next(i)
	}
	s.remove(i)
}

// Linked reports whether an inode stands in its directory.
func (t *Table) Linked(ino uint64) bool {
	r := t.at(ino)
	return r != nil && ino != Root && !r.is(isShadow|isLoose)
}

// Peek is Get without name and version: it allocates nothing.
func (t *Table) Peek(ino uint64, in *Inode) bool {
	r := t.at(ino)
	if r == nil {
		return false
	}
	t.fill(uint32(ino), r, in)
	in.Version = Version{}
	return true
}

// GetNamed is Get for a caller that has the name already.
func (t *Table) GetNamed(ino uint64, name string, in *Inode) bool {
	r := t.at(ino)
	if r == nil {
		return false
	}
	t.fill(uint32(ino), r, in)
	in.Name = name
	if in.Version.packed {
		in.Version.s = strings.Clone(in.Version.s)
	}
	return true
}

// Parent is the number of the directory that an inode stands in, 0 for the root and for none.
func (t *Table) Parent(ino uint64) uint64 {
	r := t.at(ino)
	switch {
	case r == nil || r.up() == 0:
		return 0
	case !r.is(isShadow):
		return t.rec(r.parent).ino(r.parent)
	}
	if dir := t.aside.leases[uint32(ino)].parent; t.at(dir) != nil { // its slot may be another's by now
		return dir
	}
	return 0
}

// Above reports whether an inode is dir or lies below it. It looks at the directories above the inode, no others.
func (t *Table) Above(dir, ino uint64) bool {
	for ; ino != 0; ino = t.Parent(ino) {
		if t.work++; ino == dir {
			return true
		}
	}
	return false
}

// AppendPath appends the path of an inode from the root; false where it or a directory above it is gone.
func (t *Table) AppendPath(b []byte, ino uint64) ([]byte, bool) {
	if ino == Root {
		return append(b, '/'), true
	}
	var way [64]uint32
	slots := way[:0]
	for ino != Root {
		r := t.at(ino)
		if r == nil || r.is(isLoose) {
			return b, false
		}
		slots = append(slots, uint32(ino))
		if r.is(isShadow) {
			ino = t.aside.leases[uint32(ino)].parent
		} else {
			ino = t.rec(r.parent).ino(r.parent)
		}
	}
	for _, slot := range slices.Backward(slots) {
		b = append(append(b, '/'), t.name(t.rec(slot))...)
	}
	return b, true
}

// Kids appends the numbers of a directory's children to dst, in the order of their names.
func (t *Table) Kids(dst []uint64, dir uint64) []uint64 {
	if r := t.at(dir); r != nil && r.is(isDir) {
		for slot := range t.kidsOf(r) {
			dst = append(dst, t.rec(slot).ino(slot))
		}
	}
	return dst
}

// Intents calls f for each inode that an intent holds, in the order of slots.
func (t *Table) Intents(f func(ino, intent uint64)) {
	for _, slot := range slices.Sorted(maps.Keys(t.aside.intents)) {
		f(t.rec(slot).ino(slot), t.aside.intents[slot])
	}
}

// Page calls f for each inode of up to n slots from one on, and returns the slot to go on from; 0: there are no more.
func (t *Table) Page(from uint32, n int, f func(*Inode)) (next uint32) {
	end := min(uint64(from)+uint64(n), uint64(t.slots))
	var in Inode
	for slot := uint64(max(from, Root)); slot < end; slot++ {
		if r := t.rec(uint32(slot)); r.is(used) {
			t.fill(uint32(slot), r, &in)
			in.Version = Version{}
			f(&in)
		}
	}
	if end == uint64(t.slots) {
		return 0
	}
	return uint32(end)
}

// Leased calls f for each incomplete file, in the order of slots.
func (t *Table) Leased(f func(ino uint64)) {
	for _, slot := range slices.Sorted(maps.Keys(t.aside.leases)) {
		f(t.rec(slot).ino(slot))
	}
}
