package inodes

import "unsafe"

const (
	pageRecords = pageBytes / int(unsafe.Sizeof(record{}))
	chunk       = 64 // slots that a checkpoint encodes at once
)

// record is an inode in the table. A free one keeps its generation; its parent is the next free slot.
type record struct {
	id                         [4]uint32 // FileID; of a directory its children
	size, mod, changed, synced int64
	parent                     uint32
	cell                       uint32 // 0: no name
	class                      uint32
	gen                        uint16
	flags                      uint16
}

func (r *record) is(f uint16) bool { return r.flags&f != 0 }

func (r *record) fileID() *[16]byte { return (*[16]byte)(unsafe.Pointer(&r.id)) }

func (r *record) persist() PersistState { return PersistState(r.flags >> persistShift & 3) }

func (r *record) ino(slot uint32) uint64 { return uint64(r.gen)<<32 | uint64(slot) }

// up is the slot of the directory that r stands in, 0 for none. The root of a loose tree has the next one there.
func (r *record) up() uint32 {
	if r.is(isLoose) {
		return 0
	}
	return r.parent
}

// The directory's view of id.
const (
	kidsRef   = iota // the only leaf; or the number of its list of leaves
	kidsCount        // children
	kidsRoom         // slots that the only leaf has room for
	kidsLarge        // 1: a list of leaves
)

// rec is the record at slot, which has to be one that was given out.
func (t *Table) rec(slot uint32) *record {
	return &t.recs.pages[slot/uint32(pageRecords)][slot%uint32(pageRecords)]
}

// at is the record of ino, nil when there is none by now.
func (t *Table) at(ino uint64) *record {
	slot := uint32(ino)
	if slot == 0 || slot >= t.slots {
		return nil
	}
	if r := t.rec(slot); r.is(used) && uint64(r.gen) == ino>>32 {
		return r
	}
	return nil
}

// cell returns the name and the packed version of r, as they lie in the table: valid until the next change.
func (t *Table) cell(r *record) (name, version []byte) {
	if r.cell == 0 {
		return nil, nil
	}
	head := t.cells.bytes(r.cell, 2)
	n, v := int(head[0]), int(head[1])
	b := t.cells.bytes(r.cell, 2+n+v)
	return b[2 : 2+n], b[2+n:]
}

// name is r's name as it lies in the table: valid until the next change.
func (t *Table) name(r *record) string {
	if r.cell == 0 {
		return ""
	}
	head := t.cells.bytes(r.cell, 1)
	b := t.cells.bytes(r.cell, 2+int(head[0]))[2:]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func cellUnits(name, version int) int { return (2 + name + version + unit - 1) / unit }

// setCell stores name and version for r, where they lie if they are of the same length.
func (t *Table) setCell(r *record, name string, version []byte) {
	n := cellUnits(len(name), len(version))
	if r.cell != 0 {
		oldName, oldVersion := t.cell(r)
		if string(oldName) == name && string(oldVersion) == string(version) {
			return
		}
		if old := cellUnits(len(oldName), len(oldVersion)); old != n {
			t.cells.put(r.cell, old)
			r.cell = 0
		}
	}
	if len(name)+len(version) == 0 {
		t.freeCell(r)
		return
	}
	if r.cell == 0 {
		r.cell = t.cells.alloc(n)
	}
	b := t.cells.bytes(r.cell, 2+len(name)+len(version))
	b[0], b[1] = byte(len(name)), byte(len(version))
	copy(b[2:], name)
	copy(b[2+len(name):], version)
}

func (t *Table) freeCell(r *record) {
	if r.cell == 0 {
		return
	}
	name, version := t.cell(r)
	t.cells.put(r.cell, cellUnits(len(name), len(version)))
	r.cell = 0
}
