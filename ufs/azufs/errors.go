package azufs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/millpond/millpond/internal/refusal"
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
		return &driver.Retryable{Err: errors.New(text), After: refusal.RetryAfter(headers(r))}
	case err == nil:
		return &refusal.Failure{Status: r.StatusCode, Text: text}
	case errors.Is(err, driver.ErrPermission):
		text += refusal.ClockText(headers(r), time.Now(), mostSkew)
	}
	return fmt.Errorf("%w: %s", err, text)
}

// headers are those of the answer; none of one that the SDK made up.
func headers(r *azcore.ResponseError) http.Header {
	if r.RawResponse == nil {
		return nil
	}
	return r.RawResponse.Header
}

// mostSkew is how far Azure lets a request's date be off.
const mostSkew = 15 * time.Minute

// changed maps the error of a request that publishes or removes.
func changed(ctx context.Context, err error) error { return refusal.Changed(ctx, read(err)) }
