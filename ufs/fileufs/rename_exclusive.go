//go:build linux || darwin

package fileufs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// renameExclusive moves from to a name that must not exist, in one step; errors.ErrUnsupported where the file system
// cannot.
func renameExclusive(r *os.Root, from, to string) error {
	err := renameAt(r, from, to, renameatExclusive)
	for _, no := range []error{unix.EINVAL, unix.ENOSYS, unix.ENOTSUP} { // EINVAL is also a directory into itself: no way does that
		if errors.Is(err, no) {
			return errors.ErrUnsupported
		}
	}
	return err
}
