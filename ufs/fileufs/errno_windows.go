package fileufs

import (
	"errors"
	"syscall"
)

const (
	enotdir      = syscall.Errno(267)  // ERROR_DIRECTORY
	enotempty    = syscall.Errno(145)  // ERROR_DIR_NOT_EMPTY
	eisdir       = syscall.EISDIR      // package syscall's own
	eloop        = syscall.ELOOP       // the same
	erofs        = syscall.Errno(19)   // ERROR_WRITE_PROTECT
	exdev        = syscall.Errno(17)   // ERROR_NOT_SAME_DEVICE
	einval       = syscall.Errno(123)  // ERROR_INVALID_NAME
	enametoolong = syscall.Errno(206)  // ERROR_FILENAME_EXCED_RANGE
	notReady     = syscall.Errno(21)   // ERROR_NOT_READY
	noLinksHere  = syscall.Errno(1)    // ERROR_INVALID_FUNCTION
	tooManyLinks = syscall.Errno(1142) // ERROR_TOO_MANY_LINKS

	nonBlock = 0
)

func isGone(err error) bool { return errors.Is(err, notReady) }

// isStale: Windows has no such error.
func isStale(error) bool { return false }

// noDirSync: Windows writes directories through by itself and syncs none.
func noDirSync(error) bool { return true }

func noLinks(err error) bool {
	return errors.Is(err, noLinksHere) || errors.Is(err, tooManyLinks)
}
