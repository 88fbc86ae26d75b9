package vfs

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

const (
	errNotDir      = syscall.ENOTDIR
	errInterrupted = syscall.EINTR
)

// lockOffset is where the locked byte lies: past the process id, since a locked range cannot be read by others.
const lockOffset = 1 << 20

// chmodFile does nothing: the mode that OpenFile was given is all that there is here.
func chmodFile(*os.File, fs.FileMode) error { return nil }

func dataSync(f *os.File) error { return f.Sync() }

func punchHole(*os.File, int64, int64) error { return nil }

// syncDir does nothing: directories cannot be flushed here; NTFS keeps its own log of names.
func syncDir(name string) error {
	fi, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		return &fs.PathError{Op: "sync", Path: name, Err: errNotDir}
	}
	return nil
}

func tryLock(f *os.File) (held bool, err error) {
	err = control(f, func(fd uintptr) error {
		at := windows.Overlapped{Offset: lockOffset}
		const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
		return windows.LockFileEx(windows.Handle(fd), flags, 0, 1, 0, &at)
	})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return true, nil
	}
	return false, err
}

func usage(name string) (Usage, error) {
	p, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return Usage{}, err
	}
	var free, total, all uint64
	if err := windows.GetDiskFreeSpaceEx(p, &free, &total, &all); err != nil {
		return Usage{}, err
	}
	return Usage{Total: int64(total), Free: int64(free)}, nil
}

func osAllocated(fs.FileInfo) (int64, bool) { return 0, false }
