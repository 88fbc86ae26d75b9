package namespace

import (
	"io/fs"
	"slices"
)

// An access list beside the mode has entries of named users ('u') and groups ('g'), a mask ('m') and the owning group's bits
// ('o'). As POSIX 1003.1e has it, a list that names anybody has a mask, and the mode's group bits are that mask: chmod
// changes it, and what the owning group has stands in the list.

// maskOf bounds what the entries and the owning group give.
func maskOf(a *ACL) uint8 { return bitsOf(a, 'm', 7) }

// owningBits are the owning group's, not bounded by the mask.
func owningBits(in *Inode) uint8 { return bitsOf(in.ACL, 'o', uint8(in.Mode>>3&7)) }

func bitsOf(a *ACL, tag, otherwise uint8) uint8 {
	for _, e := range entries(a) {
		if e.Tag == tag {
			return e.Perm
		}
	}
	return otherwise
}

func entries(a *ACL) []ACLEntry {
	if a == nil {
		return nil
	}
	return a.Entries
}

func named(e ACLEntry) bool { return e.Tag == 'u' || e.Tag == 'g' }

// sound reports whether an access list's entries say what they are, each once; nil does.
func sound(a *ACL) bool {
	seen := map[ACLEntry]bool{}
	for _, e := range entries(a) {
		who := ACLEntry{Tag: e.Tag, Name: e.Name}
		if !named(e) && e.Tag != 'm' && e.Tag != 'o' || named(e) != (e.Name != "") || e.Perm > 7 || seen[who] {
			return false
		}
		seen[who] = true
	}
	return true
}

// whole is a list with what it leaves out: the owning group's bits, and a mask that bounds nothing (as setfacl makes it).
// It is nil for one that says no more than a mode.
func whole(a *ACL, owning uint8) *ACL {
	owning = bitsOf(a, 'o', owning)
	w, mask := &ACL{}, owning
	for _, e := range entries(a) {
		if named(e) {
			w.Entries, mask = append(w.Entries, e), mask|e.Perm
		}
	}
	if len(w.Entries) == 0 && bitsOf(a, 'm', 8) == 8 {
		return nil
	}
	w.Entries = append(w.Entries, ACLEntry{Tag: 'o', Perm: owning}, ACLEntry{Tag: 'm', Perm: bitsOf(a, 'm', mask)})
	return w
}

// masked is a list with another mask.
func masked(a *ACL, mask uint8) *ACL {
	list := slices.Clone(a.Entries)
	for i := range list {
		if list[i].Tag == 'm' {
			list[i].Perm = mask
		}
	}
	return &ACL{Entries: list}
}

func withGroupBits(mode fs.FileMode, bits uint8) fs.FileMode {
	return mode&^0o070 | fs.FileMode(bits)<<3
}

// setACL replaces n's list; an empty one leaves the owning group what it had.
func (n *node) setACL(a *ACL) {
	owning := bitsOf(a, 'o', owningBits(&n.Inode))
	if n.ACL = whole(a, owning); n.ACL != nil {
		owning = maskOf(n.ACL)
	}
	n.Mode = withGroupBits(n.Mode, owning)
}

// chmod sets the mode, and with it the mask of a list that has one.
func (n *node) chmod(mode fs.FileMode) {
	n.Mode = mode & modeBits
	if n.ACL != nil {
		n.ACL = masked(n.ACL, uint8(mode>>3&7))
	}
}

// inheritACL gives a new entry of d what d's default list says, within the bits that it is made with.
func (n *node) inheritACL(d *node) {
	if d.DefaultACL == nil {
		return
	}
	if n.Dir {
		n.DefaultACL = d.DefaultACL
	}
	mask := maskOf(d.DefaultACL) & uint8(n.Mode>>3&7)
	n.ACL = masked(d.DefaultACL, mask)
	n.Mode = withGroupBits(n.Mode, mask)
}
