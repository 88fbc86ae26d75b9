package namespace

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/millpond/millpond/ufs/driver"
)

var (
	ErrExist        = fs.ErrExist
	ErrNotExist     = fs.ErrNotExist
	ErrInvalid      = fs.ErrInvalid
	ErrPermission   = fs.ErrPermission
	ErrNotDir       = driver.ErrNotDir
	ErrIsDir        = driver.ErrIsDir
	ErrNotEmpty     = driver.ErrNotEmpty
	ErrReadOnly     = driver.ErrReadOnly
	ErrIncomplete   = errors.New("not complete yet")
	ErrLeaseLost    = errors.New("lease lost")
	ErrCrossMount   = errors.New("crosses mounts")
	ErrBusy         = errors.New("busy")
	ErrNotPersisted = errors.New("not persisted")
	ErrPinned       = errors.New("pinned")
	ErrStale        = errors.New("another inode has the name by now")
	ErrFull         = errors.New("the namespace has no room for another name: it holds 4 billion inodes, or 16 GiB of names")
)

var coded = []error{nil, ErrExist, ErrNotExist, ErrInvalid, ErrPermission, ErrNotDir, ErrIsDir, ErrNotEmpty, ErrReadOnly, ErrIncomplete, ErrLeaseLost, ErrCrossMount, ErrBusy, ErrNotPersisted, ErrPinned, ErrStale, ErrFull}

// IntentError says that an intent holds what a command would touch.
type IntentError struct{ ID uint64 }

func (e *IntentError) Error() string { return fmt.Sprintf("held by intent %d", e.ID) }
