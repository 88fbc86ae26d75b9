//go:build unix

package fileufs

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/millpond/millpond/ufs/driver"
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
// Of hosts that make one directory at the same time Gluster may tell every one that it was there already, so the claim of
// a name that was free a moment ago counts for whoever asked: what is inside decides which of them comes too late.
func renameOntoEmpty(r *os.Root, from, to string) error {
	if _, err := r.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(err, error(driver.ErrExist))
	}
	if err := r.Mkdir(to, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return renameOntoClaim(r, from, to)
}

// renameOntoClaim moves a directory to where nothing but an empty one may be.
func renameOntoClaim(r *os.Root, from, to string) error {
	err := renameAt(r, from, to, unix.Renameat)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOTEMPTY), errors.Is(err, unix.EEXIST), errors.Is(err, unix.ENOTDIR):
		return driver.ErrExist
	}
	removeClaim(r, to)
	return err
}

// removeClaim removes a directory that is empty. What somebody else has put under its name stays: os.Root.Remove would take a file, too.
func removeClaim(r *os.Root, name string) {
	dir, err := r.Open(path.Dir(name))
	if err != nil {
		return
	}
	defer dir.Close()
	unix.Unlinkat(int(dir.Fd()), path.Base(name), unix.AT_REMOVEDIR)
}
