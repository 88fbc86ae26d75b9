package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// OS is the operating system's file system.
var OS FS = osFS{}

type osFS struct{}

// createRaces bounds how often OpenFile starts again because another process creates and removes the same name.
const createRaces = 100

func (osFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if flag&os.O_CREATE == 0 {
		return openOS(name, flag, perm)
	}
	if flag&os.O_EXCL != 0 {
		return createOS(name, flag, perm)
	}
	// Only a file that this call creates may have its mode set, so whether it does must be known.
	var err error
	for range createRaces {
		var f File
		if f, err = openOS(name, flag&^os.O_CREATE, perm); !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		if f, err = createOS(name, flag|os.O_EXCL, perm); !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
	return nil, err
}

func openOS(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &osFile{f}, nil
}

func createOS(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	if err := chmodFile(f, perm); err != nil {
		_ = f.Close()
		_ = os.Remove(name)
		return nil, err
	}
	return &osFile{f}, nil
}

func (fsys osFS) MkdirAll(name string, perm fs.FileMode) error {
	fi, err := os.Stat(name)
	if err == nil {
		if fi.IsDir() {
			return nil
		}
		return &fs.PathError{Op: "mkdir", Path: name, Err: errNotDir}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if parent := filepath.Dir(name); parent != name {
		if err := fsys.MkdirAll(parent, perm); err != nil {
			return err
		}
	}
	err = os.Mkdir(name, perm)
	if errors.Is(err, fs.ErrExist) { // made by somebody else meanwhile, perhaps as a file
		if fi, serr := os.Stat(name); serr == nil && fi.IsDir() {
			return nil
		}
	}
	if err != nil {
		return err
	}
	return os.Chmod(name, perm)
}

func (osFS) Remove(name string) error                   { return os.Remove(name) }
func (osFS) RemoveAll(name string) error                { return os.RemoveAll(name) }
func (osFS) Rename(from, to string) error               { return os.Rename(from, to) }
func (osFS) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }
func (osFS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (osFS) SyncDir(name string) error                  { return syncDir(name) }

func (osFS) Usage(name string) (Usage, error) {
	u, err := usage(name)
	if err != nil {
		return Usage{}, &fs.PathError{Op: "statfs", Path: name, Err: err}
	}
	return u, nil
}

func (fsys osFS) Lock(name string) (io.Closer, error) {
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	file := f.(*osFile).File
	held, err := tryLock(file)
	if held {
		err = &LockedError{Name: name, PID: lockedBy(file)}
	} else if err != nil {
		err = &fs.PathError{Op: "lock", Path: name, Err: err}
	} else {
		err = writePID(file)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil // closing the descriptor lets go of the lock
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func lockedBy(f *os.File) int {
	var b [32]byte
	n, _ := f.ReadAt(b[:], 0) // a short file is io.EOF, and an unreadable one says nothing: both are 0 below
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		return 0
	}
	return pid
}

type osFile struct{ *os.File }

func (f *osFile) Sync() error {
	if err := dataSync(f.File); err != nil {
		return &fs.PathError{Op: "sync", Path: f.Name(), Err: err}
	}
	return nil
}

func (f *osFile) PunchHole(off, n int64) error {
	if n <= 0 {
		return nil
	}
	if err := punchHole(f.File, off, n); err != nil {
		return &fs.PathError{Op: "punch", Path: f.Name(), Err: err}
	}
	return nil
}

// control runs call with the descriptor of f, which stays open meanwhile, again as long as it is interrupted.
func control(f *os.File, call func(fd uintptr) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = c.Control(func(fd uintptr) {
		for {
			if failed = call(fd); !errors.Is(failed, errInterrupted) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return failed
}

// OSFile is the operating system's file that f is; ok is false for files of other disks.
func OSFile(f File) (o *os.File, ok bool) {
	if f, is := f.(*osFile); is {
		return f.File, true
	}
	return nil, false
}
