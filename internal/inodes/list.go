package inodes

import "unsafe"

// List appends up to limit children of a directory to dst (0: all), from behind the name after, in the order of names;
// more says that there are others. Their names and versions share one piece of memory.
func (t *Table) List(dir uint64, after string, limit int, dst []Inode) (list []Inode, more bool) {
	r := t.at(dir)
	if r == nil || !r.is(isDir) {
		return dst, false
	}
	from := len(dst)
	size := 0
	t.kidsFrom(r, after, func(slot uint32) bool {
		if limit > 0 && len(dst)-from >= limit {
			more = true
			return false
		}
		k := t.rec(slot)
		dst = append(dst, Inode{})
		in := &dst[len(dst)-1]
		t.fill(slot, k, in)
		in.Name = t.name(k)
		size += len(in.Name)
		if in.Version.packed {
			size += len(in.Version.s)
		}
		return true
	})
	copied := make([]byte, 0, size)
	move := func(s string) string {
		at := len(copied)
		copied = append(copied, s...)
		return unsafe.String(unsafe.SliceData(copied[at:]), len(s))
	}
	for i := from; i < len(dst); i++ {
		in := &dst[i]
		in.Name = move(in.Name)
		if in.Version.packed {
			in.Version.s = move(in.Version.s)
		}
	}
	return dst, more
}
