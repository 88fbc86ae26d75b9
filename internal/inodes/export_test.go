package inodes

// PackedLen is how many bytes a version takes.
func PackedLen(s string, size, mod int64) int {
	b, _ := pack(nil, s, size, mod)
	return len(b)
}

// RememberAll makes listings of a single entry worth remembering.
func (t *Table) RememberAll() { t.pages.least = 1 }

// SetParents encodes a chunk again, with other parents for inodes of those names.
func SetParents(b []byte, parents map[string]uint32) []byte {
	x := &Restoring{t: empty(), want: chunk}
	x.t.classes.list = append(x.t.classes.list, sharedClass{class: &class{}, key: "any"}, sharedClass{class: &class{}, key: "any"})
	_ = x.Chunk(b) // of fewer slots than x wants: what is there is read
	e := encoder{}
	for slot := uint32(Root); x.t.rec(slot).is(used); slot++ {
		r := x.t.rec(slot)
		if p, ok := parents[x.t.name(r)]; ok {
			r.parent = p
		}
		x.t.encodeSlot(&e, slot)
	}
	return e.b
}

// RemoveTree takes an inode out of its directory and forgets it and all below it.
func (t *Table) RemoveTree(ino uint64, f func(*Inode)) {
	if r := t.at(ino); !r.is(isDir) {
		if t.Linked(ino) {
			t.Unlink(ino)
		}
		var in Inode
		t.Peek(ino, &in)
		f(&in)
		t.Free(ino)
		return
	}
	t.CutOff(ino)
	t.Forget(t.live, f)
}
