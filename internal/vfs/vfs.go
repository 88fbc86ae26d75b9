package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// FS is a tree of files and directories. Names are the operating system's paths.
type FS interface {
	// OpenFile opens name with flags of package os. A file that it creates has the mode perm, whatever the umask.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)

	// MkdirAll makes name and the parents that are missing, each with the mode perm, whatever the umask.
	MkdirAll(name string, perm fs.FileMode) error

	// Remove removes a file or an empty directory.
	Remove(name string) error

	// RemoveAll removes name and everything below. That name does not exist is no error.
	RemoveAll(name string) error

	// Rename moves from to to, atomically; a file that has the name to is replaced.
	Rename(from, to string) error

	// Stat describes name.
	Stat(name string) (fs.FileInfo, error)

	// ReadDir lists a directory, sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)

	// SyncDir makes durable which names the directory holds.
	SyncDir(name string) error

	// Lock takes the exclusive lock of the file name, which it creates if need be, writes this process's id into it,
	// and holds it until Close. It does not wait: held elsewhere is a *LockedError. The file stays.
	Lock(name string) (io.Closer, error)

	// Usage reports the space of the file system that holds name.
	Usage(name string) (Usage, error)
}

// File is an open file.
type File interface {
	io.Reader
	io.Writer
	io.ReaderAt
	io.WriterAt
	io.Closer

	// Name is the name that OpenFile was given.
	Name() string

	// Stat describes the file.
	Stat() (fs.FileInfo, error)

	// Sync makes the data and the length durable, not the name.
	Sync() error

	// Truncate sets the length in bytes; what is added reads as zeros.
	Truncate(size int64) error

	// PunchHole gives n bytes at off back to the file system; they read as zeros afterwards and the length stays.
	// Where the system has no holes it does nothing and returns nil: read such bytes only after writing them again.
	PunchHole(off, n int64) error
}

// Usage is the space of a file system in bytes. Free is what this process may still use.
type Usage struct {
	Total, Free int64
}

// LockedError reports that another holder has the lock of Name.
type LockedError struct {
	Name string
	PID  int // of the holder; 0 if the file does not tell
}

// Error names the file and the process.
func (e *LockedError) Error() string {
	holder, do := "another process", "end that"
	switch e.PID {
	case 0:
	case os.Getpid(): // containers that share a directory often run as one number
		holder, do = fmt.Sprintf("process %d, which is this one or another container's", e.PID), "close what has it there"
	default:
		holder = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("lock %s: held by %s; %s or use another directory", e.Name, holder, do)
}

// Is makes a LockedError a syscall.EWOULDBLOCK for errors.Is.
func (e *LockedError) Is(target error) bool { return target == syscall.EWOULDBLOCK }

// Allocated is how many bytes of its file system the file takes, holes left out. ok is false where the system
// does not tell.
func Allocated(fi fs.FileInfo) (n int64, ok bool) {
	if m, is := fi.(*memInfo); is {
		return m.allocated, true
	}
	return osAllocated(fi)
}
