package fileufs

import (
	"fmt"
	"io/fs"
	"syscall"
)

const (
	enotdir   = syscall.Errno(267) // ERROR_DIRECTORY
	enotempty = syscall.Errno(145) // ERROR_DIR_NOT_EMPTY
	eisdir    = syscall.EISDIR
)

// version is size and time alone: an inode number would take a handle.
func version(fi fs.FileInfo) string { return fmt.Sprintf("%d-%d", fi.Size(), fi.ModTime().UnixNano()) }

// noDirSync: Windows writes directories through by itself and syncs none.
func noDirSync(error) bool { return true }
