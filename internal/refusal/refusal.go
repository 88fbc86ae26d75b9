// Package refusal reads what HTTP servers say when they refuse a request, for all drivers that ask them, and tells a change
// that was refused from one whose outcome is not known.
package refusal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// RetryAfter is how long a server wants to be left alone: in seconds, or to a time by its own clock. It is 0 if the
// server does not say.
func RetryAfter(h http.Header) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return max(0, at.Sub(ServerTime(h)))
}

// ServerTime is the server's clock; ours if it does not say.
func ServerTime(h http.Header) time.Time {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		return t
	}
	return time.Now()
}

// ClockOff is how far now is from the server's time, and whether that is more than most.
func ClockOff(h http.Header, now time.Time, most time.Duration) (off time.Duration, is bool) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0, false
	}
	off = now.Sub(date)
	return off, off.Abs() > most
}

// ClockText says of a request that was refused that this machine's clock may be why; "" if it is not.
func ClockText(h http.Header, now time.Time, most time.Duration) string {
	off, is := ClockOff(h, now, most)
	if !is {
		return ""
	}
	return fmt.Sprintf(" (this machine's clock is %s off the server's)", off.Round(time.Second))
}

// Failure is an answer without a condition of package driver.
type Failure struct {
	Status int
	Text   string
}

func (f *Failure) Error() string { return f.Text }

// Changed is err, which a driver has mapped, of a request that publishes or removes. What the server did not refuse may
// have happened.
func Changed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, waits := errors.AsType[*driver.Retryable](err); waits || refused(err) {
		return err
	}
	return &driver.Unknown{Err: errors.Join(err, context.Cause(ctx))}
}

// refused says whether err is a server's word that it did nothing.
func refused(err error) bool {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Status < http.StatusInternalServerError
	}
	return slices.ContainsFunc(conditions, func(e error) bool { return errors.Is(err, e) })
}

var conditions = []error{
	driver.ErrNotExist, driver.ErrExist, driver.ErrChanged, driver.ErrInvalid, driver.ErrPermission, driver.ErrNotEmpty, objects.ErrRange,
}
