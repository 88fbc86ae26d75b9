package cachefs

import "github.com/millpond/millpond/internal/namespace"

// mayRead reports whether u may read a file's bytes. The namespace has checked the directories above it.
func mayRead(in *namespace.Inode, u *namespace.User) error {
	if !namespace.MayRead(in, u) {
		return ErrPermission
	}
	return nil
}
