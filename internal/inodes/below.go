package inodes

import "strings"

// Work is how many inodes changes have looked at or changed so far: what one of them may do is bounded by it.
func (t *Table) Work() int { return t.work }

// Below calls f for an inode and all below it, a directory before its children, which come in the order of names, until
// f says no; it reports whether f never did. What f sees has no name and no version. It is for changes.
func (t *Table) Below(ino uint64, f func(*Inode) bool) bool {
	r := t.at(ino)
	return r == nil || t.below(uint32(ino), r, f)
}

func (t *Table) below(slot uint32, r *record, f func(*Inode) bool) bool {
	t.work++
	var in Inode
	t.fill(slot, r, &in)
	in.Version = Version{}
	if !f(&in) {
		return false
	}
	if r.is(isDir) {
		for kid := range t.kidsOf(r) {
			if !t.below(kid, t.rec(kid), f) {
				return false
			}
		}
	}
	return true
}

// BelowAfter calls f with the number of each inode below dir and its path from there, in the order of a walk, from
// behind the path after on, until f says no; it reports whether f never did. Where f says Skip, what is below that
// directory is left out.
func (t *Table) BelowAfter(dir uint64, after string, f func(ino uint64, path string) Walk) bool {
	r := t.at(dir)
	return r == nil || !r.is(isDir) || t.belowAfter(uint32(dir), "", after, f)
}

// Walk says how a walk goes on.
type Walk uint8

// The ways.
const (
	On Walk = iota
	Skip
	Stop
)

func (t *Table) belowAfter(dir uint32, path, after string, f func(uint64, string) Walk) bool {
	first, rest, _ := strings.Cut(after, "/")
	if first != "" { // the way to where the last walk stopped: what lies below it comes behind it
		slot := t.find(dir, first)
		if slot != 0 && t.rec(slot).is(isDir) && !t.belowAfter(slot, path+first+"/", rest, f) {
			return false
		}
	}
	on := true
	t.kidsFrom(t.rec(dir), first, func(slot uint32) bool {
		t.work++
		r := t.rec(slot)
		name := path + t.name(r)
		switch f(r.ino(slot), name) {
		case Stop:
			on = false
		case On:
			on = !r.is(isDir) || t.belowAfter(slot, name+"/", "", f)
		}
		return on
	})
	return on
}
