//go:build unix

package fileufs

import (
	"errors"
	"syscall"
)

const (
	enotdir      = syscall.ENOTDIR
	enotempty    = syscall.ENOTEMPTY
	eisdir       = syscall.EISDIR
	eloop        = syscall.ELOOP
	erofs        = syscall.EROFS
	exdev        = syscall.EXDEV
	einval       = syscall.EINVAL
	enametoolong = syscall.ENAMETOOLONG

	nonBlock = syscall.O_NONBLOCK // opening a pipe must not wait for its writer
)

// isGone reports whether err may say that the file system went away.
func isGone(err error) bool {
	for _, e := range []syscall.Errno{syscall.ENOTCONN, syscall.ESTALE, syscall.ENODEV, syscall.ENXIO, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// isStale reports whether err may say that a server has forgotten a file that a client still knows.
func isStale(err error) bool { return errors.Is(err, syscall.ESTALE) }

// noDirSync reports whether the file system cannot sync directories at all.
func noDirSync(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP)
}

// noLinks reports whether the file system has no hard links.
func noLinks(err error) bool {
	for _, e := range []syscall.Errno{syscall.EPERM, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.ENOSYS, syscall.EMLINK} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
