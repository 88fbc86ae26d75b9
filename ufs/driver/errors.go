package driver

import (
	"errors"
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
)

// Retryable says that a store asked to be asked later.
type Retryable struct {
	Err   error
	After time.Duration // at least; 0: as the caller likes
}

func (e *Retryable) Error() string { return e.Err.Error() }
func (e *Retryable) Unwrap() error { return e.Err }

// Unknown says that a change may or may not have happened: its answer was lost.
type Unknown struct{ Err error }

func (e *Unknown) Error() string { return "outcome unknown: " + e.Err.Error() }
func (e *Unknown) Unwrap() error { return e.Err }
