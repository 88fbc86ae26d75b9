package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func dataSync(f *os.File) error {
	return control(f, func(fd uintptr) error { return unix.Fdatasync(int(fd)) })
}

func punchHole(f *os.File, off, n int64) error {
	err := control(f, func(fd uintptr) error {
		return unix.Fallocate(int(fd), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
	})
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}
