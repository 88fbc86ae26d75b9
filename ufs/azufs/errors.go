package azufs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// conditions are Azure's error codes that have a name in package driver. A HEAD has its code in a header. A container that
// is not there does not mean that its files were deleted.
var conditions = map[bloberror.Code]error{
	bloberror.BlobNotFound:                    driver.ErrNotExist,
	bloberror.ContainerNotFound:               driver.ErrInvalid,
	bloberror.ResourceNotFound:                driver.ErrNotExist,
	bloberror.BlobAlreadyExists:               driver.ErrExist,
	bloberror.ConditionNotMet:                 driver.ErrChanged,
	bloberror.SourceConditionNotMet:           driver.ErrChanged,
	bloberror.InvalidRange:                    objects.ErrRange,
	bloberror.InvalidResourceName:             driver.ErrInvalid,
	bloberror.InvalidURI:                      driver.ErrInvalid,
	bloberror.BlobImmutableDueToPolicy:        driver.ErrPermission,
	bloberror.AuthenticationFailed:            driver.ErrPermission,
	bloberror.AuthorizationFailure:            driver.ErrPermission,
	bloberror.AuthorizationPermissionMismatch: driver.ErrPermission,
	"DirectoryIsNotEmpty":                     driver.ErrNotEmpty,
}

// statuses are for answers without a code that is known.
var statuses = map[int]error{
	http.StatusNotFound:                     driver.ErrNotExist,
	http.StatusUnauthorized:                 driver.ErrPermission,
	http.StatusForbidden:                    driver.ErrPermission,
	http.StatusRequestedRangeNotSatisfiable: objects.ErrRange,
}

// read maps the error of a request that changes nothing. The SDK's own text is not handed on: it is a page long, and a
// network error's has the URL, where a signature may stand.
func read(err error) error {
	if err == nil {
		return nil
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%s: %w", u.Op, driver.NotOfStore(u.Err))
	}
	r, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		return driver.NotOfStore(err)
	}
	return answer(r)
}

// answer maps what the server said.
func answer(r *azcore.ResponseError) error {
	err := conditions[bloberror.Code(r.ErrorCode)]
	if err == nil {
		err = statuses[r.StatusCode]
	}
	text := fmt.Sprintf("azure answered %d %s", r.StatusCode, r.ErrorCode)
	switch {
	case err == nil && (r.StatusCode == http.StatusTooManyRequests || r.StatusCode == http.StatusServiceUnavailable):
		return &driver.Retryable{Err: errors.New(text), After: after(r.RawResponse)}
	case err == nil:
		return &failure{r.StatusCode, text}
	case errors.Is(err, driver.ErrPermission):
		text += skew(r.RawResponse, time.Now())
	}
	return fmt.Errorf("%w: %s", err, text)
}

// failure is an answer without a condition of ours.
type failure struct {
	status int
	text   string
}

func (f *failure) Error() string { return f.text }

// after is what the server asks to be left alone for.
func after(r *http.Response) time.Duration {
	if r == nil {
		return 0
	}
	s, err := strconv.Atoi(r.Header.Get("Retry-After"))
	if err != nil || s < 0 {
		return 0
	}
	return time.Duration(s) * time.Second
}

// mostSkew is how far Azure lets a request's date be off.
const mostSkew = 15 * time.Minute

// skew says so if this machine's clock is why a request was refused.
func skew(r *http.Response, now time.Time) string {
	if r == nil {
		return ""
	}
	date, err := http.ParseTime(r.Header.Get("Date"))
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
	if _, later := errors.AsType[*driver.Retryable](err); later || named(err) {
		return err
	}
	if f, ok := errors.AsType[*failure](err); ok && f.status < 500 {
		return err
	}
	return &driver.Unknown{Err: errors.Join(err, context.Cause(ctx))}
}

// named says whether err is one of driver's conditions.
func named(err error) bool {
	for _, e := range []error{driver.ErrNotExist, driver.ErrExist, driver.ErrChanged, driver.ErrInvalid, driver.ErrPermission, driver.ErrNotEmpty, objects.ErrRange} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
