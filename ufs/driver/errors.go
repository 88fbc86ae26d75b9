package driver

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Conditions of a store. Where io/fs has one it is the same value.
var (
	ErrNotExist    = fs.ErrNotExist
	ErrExist       = fs.ErrExist
	ErrPermission  = fs.ErrPermission
	ErrInvalid     = fs.ErrInvalid
	ErrNotDir      = errors.New("not a directory")
	ErrIsDir       = errors.New("is a directory")
	ErrNotEmpty    = errors.New("directory not empty")
	ErrChanged     = errors.New("changed in the under store")
	ErrUnsupported = errors.New("not supported by the under store")
	ErrReadOnly    = errors.New("read-only")
	ErrChecksum    = errors.New("bytes arrived that are not those of the store's checksum")

	// ErrUnavailable says that a store cannot be reached for now: what it holds is not gone, and asking again may help.
	ErrUnavailable = errors.New("under store unavailable")
)

// NotOfStore is err of a request that the store did not answer. What a driver lacks to ask it, a file with credentials for example, may be
// missing: that is no word on what is in the store, and does not stay an ErrNotExist, nor an ErrExist.
func NotOfStore(err error) error {
	if errors.Is(err, ErrNotExist) || errors.Is(err, ErrExist) {
		return errors.New(err.Error())
	}
	return err
}

// Retryable says that a store refused a call for now: it had no effect, so it may be made again, whatever it was. It is
// for a store that is asked too much (429, SlowDown, Retry-After); one that does not work (500) is an error as it is.
// After a Commit that is Retryable the writer is as it was, and Commit may be called again.
type Retryable struct {
	Err   error
	After time.Duration // at least; 0: as the caller likes
}

func (e *Retryable) Error() string { return e.Err.Error() }
func (e *Retryable) Unwrap() error { return e.Err }

// NotAgain is err of a call that its caller cannot make again: what it was made with is used up, or it was made again often enough. Then it does not
// stay *Retryable, but is ErrUnavailable.
func NotAgain(err error) error {
	_, again := errors.AsType[*Retryable](err)
	_, unknown := errors.AsType[*Unknown](err)
	if !again || unknown {
		return err
	}
	return fmt.Errorf("%w: %v", ErrUnavailable, err)
}

// LocalError says that a call failed for what this machine lacks, room in its temporary directory for example. That is no word on the store, nor on the
// file: Err is not unwrapped, or its fs.ErrNotExist would be taken for one.
type LocalError struct{ Err error }

func (e *LocalError) Error() string { return e.Err.Error() }

// Unknown says that a change may or may not have happened: its answer was lost.
type Unknown struct{ Err error }

func (e *Unknown) Error() string { return "outcome unknown: " + e.Err.Error() }
func (e *Unknown) Unwrap() error { return e.Err }
