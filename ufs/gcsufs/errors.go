package gcsufs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"

	"github.com/millpond/millpond/internal/refusal"
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
		return &driver.Retryable{Err: errors.New(text), After: refusal.RetryAfter(a.Header)}
	case conditions[a.Code] == nil:
		return &refusal.Failure{Status: a.Code, Text: text}
	case a.Code == http.StatusForbidden || a.Code == http.StatusUnauthorized:
		text += refusal.ClockText(a.Header, time.Now(), mostSkew)
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

// mostSkew is how old a signed token may look.
const mostSkew = 5 * time.Minute

// changed maps the error of a request that publishes or removes.
func changed(ctx context.Context, err error) error { return refusal.Changed(ctx, read(err)) }
