package cachefs

import (
	"slices"

	"github.com/millpond/millpond/internal/namespace"
)

// mayRead reports whether u may read a file's bytes. The namespace has checked the directories above it.
func mayRead(in *namespace.Inode, u *namespace.User) error {
	const read = 4
	if u == nil || u.Superuser || permBits(in, u)&read != 0 {
		return nil
	}
	return ErrPermission
}

// permBits are the bits that u has on a file: the owner's; else those of an ACL entry for u; else the group's; else the
// others'.
func permBits(in *namespace.Inode, u *namespace.User) uint32 {
	mode := uint32(in.Mode.Perm())
	if u.Name == in.Owner {
		return mode >> 6 & 7
	}
	if in.ACL != nil {
		for _, e := range in.ACL.Entries {
			if e.Tag == 'u' && e.Name == u.Name || e.Tag == 'g' && slices.Contains(u.Groups, e.Name) {
				return uint32(e.Perm)
			}
		}
	}
	if slices.Contains(u.Groups, in.Group) {
		return mode >> 3 & 7
	}
	return mode & 7
}
