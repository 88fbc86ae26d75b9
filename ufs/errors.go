package ufs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

// Conditions of a store, those of package driver under the names that users ask for. Where io/fs has one it is the same
// value.
var (
	ErrNotExist    = driver.ErrNotExist
	ErrExist       = driver.ErrExist // with IfAbsent; Rename without overwrite
	ErrPermission  = driver.ErrPermission
	ErrInvalid     = driver.ErrInvalid // an option, a URL, a key
	ErrNotDir      = driver.ErrNotDir
	ErrIsDir       = driver.ErrIsDir
	ErrNotEmpty    = driver.ErrNotEmpty
	ErrChanged     = driver.ErrChanged // the version that was asked for is gone
	ErrUnsupported = driver.ErrUnsupported
	ErrReadOnly    = driver.ErrReadOnly
	ErrChecksum    = driver.ErrChecksum    // what came is not what the store's checksum says
	ErrUnavailable = driver.ErrUnavailable // it cannot be reached for now; what the breaker refuses is an *UnavailableError as well
)

// UnavailableError says that the breaker of a store is open: the call was not made.
type UnavailableError struct {
	Store    string    // its ID
	Failures int       // calls in a row that failed
	Until    time.Time // when a call is let through again
	Err      error     // the last of the failures
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("under store %s unavailable: %d calls in a row failed, the next is tried at %s; the last said: %v",
		e.Store, e.Failures, e.Until.Format("15:04:05.000"), e.Err)
}

// Unwrap gives ErrUnavailable and the failure.
func (e *UnavailableError) Unwrap() []error { return []error{ErrUnavailable, e.Err} }

// Causes with which attempts end before they have answered.
var (
	errLate      = errors.New("attempt timed out")
	errOvertaken = errors.New("another attempt answered first")
	errClosed    = errors.New("closed")
)

// kind sorts errors for counters and for what is done about them.
type kind uint8

const (
	kindNone kind = iota
	kindNotExist
	kindPermission
	kindChanged
	kindRefused // any other answer: ErrExist, ErrNotEmpty, ErrUnsupported, ...
	kindCanceled
	kindLocal
	kindThrottled // from here on: it may pass
	kindTimeout
	kindUnavailable
	kindOther
	kinds
)

// passing reports whether asking again may help.
func (k kind) passing() bool { return k >= kindThrottled }

// answers are the errors by which a store says what it has: asking again would bring the same.
var answers = []struct {
	err  error
	kind kind
}{
	{driver.ErrNotExist, kindNotExist}, {driver.ErrPermission, kindPermission}, {driver.ErrChanged, kindChanged},
	{driver.ErrExist, kindRefused}, {driver.ErrInvalid, kindRefused}, {driver.ErrNotDir, kindRefused}, {driver.ErrIsDir, kindRefused},
	{driver.ErrNotEmpty, kindRefused}, {driver.ErrUnsupported, kindRefused}, {driver.ErrReadOnly, kindRefused}, {errClosed, kindRefused},
}

// kindOf sorts an error of an attempt under ctx, the caller's.
func kindOf(ctx context.Context, err error) kind {
	k := sort(err)
	if k.passing() && ctx.Err() != nil {
		return kindCanceled
	}
	return k
}

func sort(err error) kind {
	if err == nil {
		return kindNone
	}
	if _, local := errors.AsType[*driver.LocalError](err); local { // however the request that it ended is described
		return kindLocal
	}
	if _, again := errors.AsType[*driver.Retryable](err); again {
		return kindThrottled
	}
	if errors.Is(err, ErrUnavailable) { // before the answers: an UnavailableError wraps another
		return kindUnavailable
	}
	for _, a := range answers {
		if errors.Is(err, a.err) {
			return a.kind
		}
	}
	_, network := errors.AsType[net.Error](err)
	_, errno := errors.AsType[syscall.Errno](err)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		return kindTimeout
	case network, errno, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return kindUnavailable
	}
	return kindOther
}

// harmless reports whether a failed call is known to have had no effect: the store refused it for now, or was never
// reached. A Commit may have sent a part before, so only the driver can say that it may be made again.
func harmless(op op, err error) bool {
	if _, unknown := errors.AsType[*driver.Unknown](err); unknown {
		return false
	}
	if _, refused := errors.AsType[*driver.Retryable](err); refused {
		return true
	}
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "dial" && op != opCommit
}

// wrap adds what only the Store knows: call, key, place, and how often it was tried.
func (s *Store) wrap(op op, key string, attempts int, err error) error {
	if err == nil {
		return nil
	}
	if attempts > 1 {
		return fmt.Errorf("%s %q in %s, %d attempts: %w", op, key, s.id, attempts, err)
	}
	return fmt.Errorf("%s %q in %s: %w", op, key, s.id, err)
}
