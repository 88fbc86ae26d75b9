//go:build linux || darwin

package fileufs

import (
	"os"

	"golang.org/x/sys/unix"
)

// fileSystem is the kind of file system that a directory lies on, 0 if it does not say.
func fileSystem(r *os.Root) uint64 {
	f, err := r.Open(".")
	if err != nil {
		return 0
	}
	defer f.Close()
	var st unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &st) != nil {
		return 0
	}
	return uint64(st.Type)
}
