package swiftufs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/ncw/swift/v2"

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

// rateLimited is Swift's own status.
const rateLimited = 498

// read maps the error of a request that changes nothing. A network error's text is not handed on: it has the URL.
func read(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%s: %w", u.Op, driver.NotOfStore(u.Err))
	}
	e, ok := errors.AsType[*swift.Error](err)
	if !ok || e.StatusCode == 0 {
		return driver.NotOfStore(err)
	}
	text := fmt.Sprintf("swift answered %d %s", e.StatusCode, http.StatusText(e.StatusCode))
	switch e.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, rateLimited:
		later := &driver.Retryable{Err: errors.New(text)}
		if a, ok := errors.AsType[*asked](err); ok {
			later.After = a.after
		}
		return later
	}
	if c := conditions[e.StatusCode]; c != nil && !ofLogIn(err, e) {
		return fmt.Errorf("%w: %s", c, text)
	}
	return &refusal.Failure{Status: e.StatusCode, Text: text}
}

// ofLogIn reports whether a 404 is no word on an object or a container: the library asks for a new token within any request, and gives
// names to the answers of call's requests alone.
func ofLogIn(err error, e *swift.Error) bool {
	return e.StatusCode == http.StatusNotFound && !errors.Is(err, swift.ObjectNotFound) && !errors.Is(err, swift.ContainerNotFound)
}

// asked is an error beside which the server said how long it wants to be left alone.
type asked struct {
	error
	after time.Duration
}

func (a *asked) Unwrap() error { return a.error }

// changed maps the error of a request that publishes or removes. What the server did not refuse may have happened; a 503
// of Swift is said when too few of its servers answered, and some may have.
func changed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	e, answered := errors.AsType[*swift.Error](err)
	err = read(err)
	if answered && e.StatusCode > 0 && e.StatusCode < 500 {
		return err
	}
	return &driver.Unknown{Err: errors.Join(err, context.Cause(ctx))}
}
