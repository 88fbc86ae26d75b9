package inodes

// A tree that goes is cut off at once and forgotten in steps, so that no change takes as long as the tree is large. The
// roots of such trees are a list, the last one first; each has the slot of the next where others have their directory.

// CutOff takes a directory, with all below it, out of the tree: it has no path any more. Forget does the rest.
func (t *Table) CutOff(ino uint64) {
	if t.Linked(ino) {
		t.Unlink(ino)
	}
	t.loosen(uint32(ino))
}

func (t *Table) loosen(slot uint32) {
	t.touch(slot)
	r := t.rec(slot)
	r.flags |= isLoose
	r.parent, t.loose = t.loose, slot
}

// Loose reports whether there is something for Forget to do.
func (t *Table) Loose() bool { return t.loose != 0 }

// Forget forgets up to n inodes that were cut off, children before their directory; f sees each before it goes, its name
// and version aside. It returns how many there were.
func (t *Table) Forget(n int, f func(*Inode)) (done int) {
	var in Inode
	for done < n && t.loose != 0 {
		slot := t.loose
		r := t.rec(slot)
		if r.is(isDir) && r.id[kidsCount] > 0 {
			kid := t.popKid(r)
			k := t.rec(kid)
			if k.is(isDir) && k.id[kidsCount] > 0 {
				t.loosen(kid) // its own tree, and the next to go
				continue
			}
			slot, r = kid, k
		} else {
			t.loose = r.parent
		}
		t.fill(slot, r, &in)
		in.Version = Version{}
		f(&in)
		t.Free(in.Ino)
		done++
	}
	return done
}

// popKid takes the last child out of a directory that has some, and out of the index.
func (t *Table) popKid(d *record) uint32 {
	l := leaf{ref: d.id[kidsRef], n: uint16(d.id[kidsCount])}
	if d.id[kidsLarge] != 0 {
		leaves := t.large.list[d.id[kidsRef]]
		l = leaves[len(leaves)-1]
	}
	kid := t.cells.slots(l.ref, int(l.n))[l.n-1]
	t.unindex(kid, t.rec(kid))
	t.removeKid(d, kid)
	return kid
}

// Attached reports whether an inode has a path, or is a new version of what has one.
func (t *Table) Attached(ino uint64) bool {
	for ino != Root && ino != 0 {
		ino = t.Parent(ino)
	}
	return ino == Root
}
