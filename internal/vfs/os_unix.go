//go:build unix

package vfs

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	errNotDir      = syscall.ENOTDIR
	errInterrupted = syscall.EINTR
)

func chmodFile(f *os.File, perm fs.FileMode) error { return f.Chmod(perm) }

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

func tryLock(f *os.File) (held bool, err error) {
	err = control(f, func(fd uintptr) error { return unix.Flock(int(fd), unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

func usage(name string) (Usage, error) {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(name, &st)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return Usage{}, err
		}
	}
	size := int64(st.Bsize) //nolint:unconvert // its type differs between systems
	return Usage{Total: int64(st.Blocks) * size, Free: int64(st.Bavail) * size}, nil
}

func osAllocated(fi fs.FileInfo) (int64, bool) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return st.Blocks * 512, true
}
