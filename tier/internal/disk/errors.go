package disk

import (
	"errors"
	"fmt"
	"io/fs"
)

var (
	// ErrMiss reports that the block is not here.
	ErrMiss = errors.New("disk: no such block")

	// ErrCorrupt reports that the bytes of the block did not match their checksum. The block has been dropped.
	ErrCorrupt = errors.New("disk: block does not match its checksum")

	// ErrExist reports that the block is here already. It is fs.ErrExist.
	ErrExist = fs.ErrExist

	// ErrDropped reports that the block was dropped while PutUnless wrote it.
	ErrDropped = errors.New("disk: block dropped while it was written")

	// ErrFull reports that the quota has no room: delete blocks and try again. The directory itself is well.
	ErrFull = errors.New("disk: quota reached")

	// ErrClosed reports a call after Close. It is fs.ErrClosed.
	ErrClosed = fs.ErrClosed

	// ErrDirFailed is what every *DirError is: not this block but the directory is in trouble.
	ErrDirFailed = errors.New("disk: directory failed")

	// ErrFormat reports a directory that holds something else, or a format that this version does not know.
	ErrFormat = errors.New("disk: unknown format")
)

// DirError is an error of the operating system below one directory: ENOSPC, EROFS, EIO, ENOENT and the like stay
// visible to errors.Is.
type DirError struct {
	Dir string
	Op  string // open, read, write, sync, punch, remove, create
	Err error
}

// Error names the directory and the operation.
func (e *DirError) Error() string { return fmt.Sprintf("disk %s: %s: %v", e.Dir, e.Op, e.Err) }

// Unwrap is the error of the operating system.
func (e *DirError) Unwrap() error { return e.Err }

// Is makes every DirError an ErrDirFailed.
func (e *DirError) Is(target error) bool { return target == ErrDirFailed }

func (d *Dir) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	d.count.errors.Add(1)
	return &DirError{Dir: d.path, Op: op, Err: err}
}
