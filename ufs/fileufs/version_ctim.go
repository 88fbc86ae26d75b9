//go:build linux || openbsd || dragonfly || solaris || illumos

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
	return uint64(st.Ino), st.Ctim.Nano()
}
