package gcsufs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// conditions are HTTP's statuses that have a name in package driver.
var conditions = map[int]error{
	http.StatusBadRequest:                   driver.ErrInvalid,
	http.StatusUnauthorized:                 driver.ErrPermission,
	http.StatusForbidden:                    driver.ErrPermission,
	http.StatusNotFound:                     driver.ErrNotExist,
	http.StatusPreconditionFailed:           driver.ErrChanged,
	http.StatusRequestedRangeNotSatisfiable: objects.ErrRange,
}

// read maps the error of a request that changes nothing. A network error's text is not handed on: it has the URL, and
// that of an upload is as good as a credential.
func read(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, storage.ErrBucketNotExist): // does not mean that its files were deleted
		return fmt.Errorf("%w: there is no such bucket", driver.ErrInvalid)
	case errors.Is(err, storage.ErrObjectNotExist):
		return driver.ErrNotExist
	}
	if a, ok := errors.AsType[*googleapi.Error](err); ok {
		return answer(a)
	}
	if _, ok := errors.AsType[*auth.Error](err); ok {
		return fmt.Errorf("%w: the credentials were refused by their issuer", driver.ErrPermission)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%s: %w", u.Op, driver.NotOfStore(u.Err))
	}
	return driver.NotOfStore(err)
}

// answer maps what the server said.
func answer(a *googleapi.Error) error {
	text := fmt.Sprintf("google answered %d %s", a.Code, reason(a))
	switch {
	case later(a):
		return &driver.Retryable{Err: errors.New(text), After: after(a.Header)}
	case conditions[a.Code] == nil:
		return &failure{a.Code, text}
	case a.Code == http.StatusForbidden || a.Code == http.StatusUnauthorized:
		text += skew(a.Header, time.Now())
	}
	return fmt.Errorf("%w: %s", conditions[a.Code], text)
}

func reason(a *googleapi.Error) string {
	if len(a.Errors) > 0 {
		return a.Errors[0].Reason
	}
	return http.StatusText(a.Code)
}

// later says whether the server did nothing and may be asked again.
func later(a *googleapi.Error) bool {
	return a.Code == http.StatusTooManyRequests || a.Code == http.StatusServiceUnavailable ||
		slices.Contains([]string{"rateLimitExceeded", "userRateLimitExceeded"}, reason(a))
}

// failure is an answer without a condition of ours.
type failure struct {
	status int
	text   string
}

func (f *failure) Error() string { return f.text }

// after is what the server asks to be left alone for.
func after(h http.Header) time.Duration {
	s, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || s < 0 {
		return 0
	}
	return time.Duration(s) * time.Second
}

// mostSkew is how old a signed token may look.
const mostSkew = 5 * time.Minute

// skew says so if this machine's clock may be why a request was refused.
func skew(h http.Header, now time.Time) string {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil || now.Sub(date).Abs() < mostSkew {
		return ""
	}
	return fmt.Sprintf(" (this machine's clock is %s off the server's)", now.Sub(date).Round(time.Second))
}

// changed maps the error of a request that publishes or removes. What the server did not refuse may have happened.
func changed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	err = read(err)
	if _, waits := errors.AsType[*driver.Retryable](err); waits || named(err) {
		return err
	}
	if f, ok := errors.AsType[*failure](err); ok && f.status < 500 {
		return err
	}
	return &driver.Unknown{Err: errors.Join(err, context.Cause(ctx))}
}

// named says whether err is one of driver's conditions.
func named(err error) bool {
	return slices.ContainsFunc([]error{driver.ErrNotExist, driver.ErrChanged, driver.ErrInvalid, driver.ErrPermission, objects.ErrRange}, func(e error) bool { return errors.Is(err, e) })
}
