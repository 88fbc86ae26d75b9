//go:build unix

package fileufs

import (
	"os"
	"syscall"
)

// removed reports whether the directory that r holds open has no name any more. It still answers: nothing is in it.
func removed(r *os.Root) bool {
	fi, err := r.Stat(".")
	if err != nil {
		return false
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 0
}
