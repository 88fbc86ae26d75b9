package cachefs

import (
	"errors"
	"io/fs"
	"os"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs/driver"
)

// What calls fail with. Where io/fs or a layer below has the condition, it is the same value here, not a twin: a caller
// may ask errors.Is for either.
var (
	ErrExist        = fs.ErrExist
	ErrNotExist     = fs.ErrNotExist
	ErrPermission   = fs.ErrPermission
	ErrInvalid      = fs.ErrInvalid
	ErrClosed       = fs.ErrClosed              // of the file, writer or node
	ErrNotDir       = namespace.ErrNotDir       // a parent, or what was listed, is a file
	ErrIsDir        = namespace.ErrIsDir        // a directory where a file is wanted
	ErrNotEmpty     = namespace.ErrNotEmpty     // directory with entries, without Recursive
	ErrReadOnly     = namespace.ErrReadOnly     // change below a read-only mount
	ErrIncomplete   = namespace.ErrIncomplete   // not closed by its writer yet
	ErrLeaseLost    = namespace.ErrLeaseLost    // the file was removed, or its writer presumed dead
	ErrCrossMount   = namespace.ErrCrossMount   // rename from one mount to another
	ErrBusy         = namespace.ErrBusy         // files are being written there
	ErrNotPersisted = namespace.ErrNotPersisted // the cache holds the only copy
	ErrPinned       = namespace.ErrPinned       // pinned, without Force
	ErrNoSpace      = tier.ErrNoSpace           // nothing can be evicted in any tier
	ErrNoPrimary    = journal.ErrNoPrimary      // no node can take changes now
	// ErrUnknownOutcome says that a change was on its way when its context ended, or its node was taken for dead: it is done, will be,
	// or not. After any other error, one of a context too, it is not done and never will be; of a whole tree, not all of it.
	ErrUnknownOutcome = journal.ErrUnknownOutcome
	ErrChanged        = driver.ErrChanged           // the version that was opened cannot be had any more
	ErrUnsupported    = driver.ErrUnsupported       // the under store cannot do it
	ErrNotMounted     = errors.New("not a mount")   // Unmount, Persist of what has no under store
	ErrLost           = errors.New("blocks lost")   // complete, but no tier of a node that answers and no under store has the bytes
	ErrCancelled      = errors.New("job cancelled") // Job.Wait after Job.Cancel
)

// pathError names the call and the path of err once, however deep it came from.
func pathError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok && pe.Path == path && pe.Op == op {
		return err
	}
	return &fs.PathError{Op: op, Path: path, Err: advised(op, err)}
}

func linkError(op, from, to string, err error) error {
	if err == nil {
		return nil
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok && le.Op == op && le.Old == from && le.New == to {
		return err
	}
	return &os.LinkError{Op: op, Old: from, New: to, Err: advised(op, err)}
}
