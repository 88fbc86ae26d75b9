//go:build darwin || freebsd || netbsd

package fileufs

import (
	"io/fs"
	"syscall"
)

func inode(fi fs.FileInfo) (ino uint64, change int64) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return uint64(st.Ino), st.Ctimespec.Nano()
}
