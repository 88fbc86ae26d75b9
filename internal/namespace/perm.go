package namespace

import (
	"io/fs"
	"slices"
)

// modeBits are those of a mode that are kept.
const modeBits = fs.ModePerm | fs.ModeSticky

// may says whether u may do what the bits ask: 4 read, 2 write, 1 search. nil and a superuser may all.
func (n *node) may(u *User, bits uint8) bool { return allows(&n.Inode, u, bits) }

func allows(in *Inode, u *User, bits uint8) bool {
	return u == nil || u.Superuser || grants(in, u, bits)
}

// MayRead reports whether u may read what in describes; the directories above it are not looked at.
func MayRead(in *Inode, u *User) bool { return allows(in, u, 4) }

// grants reports whether u has all of the bits, found as POSIX 1003.1e (23.1.5) finds it: by the owner's bits; else by the
// entry that names the user; else by one of those of the groups that u is in, the owning one among them; else by the
// others' bits. A mask bounds what entries and the owning group give.
func grants(in *Inode, u *User, bits uint8) bool {
	has := func(perm uint8) bool { return perm&bits == bits }
	mode, mask := in.Mode.Perm(), maskOf(in.ACL)
	if u.Name == in.Owner {
		return has(uint8(mode >> 6 & 7))
	}
	for _, e := range entries(in.ACL) {
		if e.Tag == 'u' && e.Name == u.Name {
			return has(e.Perm & mask)
		}
	}
	member := slices.Contains(u.Groups, in.Group)
	if member && has(owningBits(in)&mask) {
		return true
	}
	for _, e := range entries(in.ACL) {
		if e.Tag == 'g' && slices.Contains(u.Groups, e.Name) {
			if has(e.Perm & mask) {
				return true
			}
			member = true
		}
	}
	return !member && has(uint8(mode&7))
}

// MayUnlink reports whether u may take in out of dir; the directories above are not looked at.
func MayUnlink(dir, in *Inode, u *User) bool { return allows(dir, u, 3) && !sticky(dir, in, u) }

func (n *node) owns(u *User) bool { return owns(&n.Inode, u) }

func owns(in *Inode, u *User) bool { return u == nil || u.Superuser || u.Name == in.Owner }

// sticky reports whether dir keeps its entries for their owners and its own, and u is neither.
func sticky(dir, in *Inode, u *User) bool {
	return dir.Mode&fs.ModeSticky != 0 && !owns(in, u) && !owns(dir, u)
}
