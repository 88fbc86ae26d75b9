//go:build unix

package fileufs

import (
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// renameAt makes a rename that os.Root does not have, between directories that os.Root found.
func renameAt(r *os.Root, from, to string, rename func(fromDir int, from string, toDir int, to string) error) error {
	src, err := r.Open(path.Dir(from))
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := r.Open(path.Dir(to))
	if err != nil {
		return err
	}
	defer dst.Close()
	return rename(int(src.Fd()), path.Base(from), int(dst.Fd()), path.Base(to))
}

// renameOntoEmpty moves a directory: an empty one claims the name, and is replaced in one step, which os.Root refuses.
func renameOntoEmpty(r *os.Root, from, to string) error {
	if err := r.Mkdir(to, 0o755); err != nil {
		return err
	}
	if err := renameAt(r, from, to, unix.Renameat); err != nil {
		r.Remove(to) // still ours if it is empty
		return err
	}
	return nil
}
