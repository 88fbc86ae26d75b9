package namespace

import (
	"io/fs"
	"slices"
)

// modeBits are those of a mode that are kept.
const modeBits = fs.ModePerm | fs.ModeSticky

// sound reports whether an access list's entries say what they are; nil does.
func sound(a *ACL) bool {
	return a == nil || !slices.ContainsFunc(a.Entries, func(e ACLEntry) bool {
		named := e.Tag == 'u' || e.Tag == 'g'
		return !named && e.Tag != 'm' || named != (e.Name != "") || e.Perm > 7
	})
}

// may says whether u may do what the bits ask: 4 read, 2 write, 1 search. nil and a superuser may all.
func (n *node) may(u *User, bits uint8) bool { return allows(&n.Inode, u, bits) }

func allows(in *Inode, u *User, bits uint8) bool {
	return u == nil || u.Superuser || permBits(in, u)&bits == bits
}

// MayRead reports whether u may read what in describes; the directories above it are not looked at.
func MayRead(in *Inode, u *User) bool { return allows(in, u, 4) }

// permBits are the bits that u has, found as POSIX 1003.1e finds them: the owner's; else those of an entry that names the
// user; else those of all groups that u is in, the owning one (whose bits are the mode's) among them; else the others'.
// A mask bounds what entries and the owning group give.
func permBits(in *Inode, u *User) uint8 {
	mode := uint32(in.Mode.Perm())
	if u.Name == in.Owner {
		return uint8(mode >> 6 & 7)
	}
	mask := uint8(7)
	if in.ACL != nil {
		for _, e := range in.ACL.Entries {
			if e.Tag == 'm' {
				mask = e.Perm
			}
		}
		for _, e := range in.ACL.Entries {
			if e.Tag == 'u' && e.Name == u.Name {
				return e.Perm & mask
			}
		}
	}
	if bits, member := groupBits(in, u, uint8(mode>>3&7)); member {
		return bits & mask
	}
	return uint8(mode & 7)
}

func groupBits(in *Inode, u *User, owning uint8) (bits uint8, member bool) {
	if slices.Contains(u.Groups, in.Group) {
		bits, member = owning, true
	}
	if in.ACL != nil {
		for _, e := range in.ACL.Entries {
			if e.Tag == 'g' && slices.Contains(u.Groups, e.Name) {
				bits, member = bits|e.Perm, true
			}
		}
	}
	return bits, member
}

func (n *node) owns(u *User) bool { return u == nil || u.Superuser || u.Name == n.Owner }

// sticky reports whether dir keeps its entries for their owners and its own, and u is neither.
func sticky(dir, n *node, u *User) bool {
	return dir.Mode&fs.ModeSticky != 0 && !n.owns(u) && !dir.owns(u)
}
