//go:build unix

package fileufs

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

const (
	enotdir   = syscall.ENOTDIR
	enotempty = syscall.ENOTEMPTY
	eisdir    = syscall.EISDIR
)

func version(fi fs.FileInfo) string {
	st := fi.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d-%d-%d", fi.Size(), fi.ModTime().UnixNano(), st.Ino)
}

// noDirSync reports whether the file system cannot sync directories at all.
func noDirSync(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP)
}
