package httpufs

import (
	"fmt"
	"net/http"

	"github.com/millpond/millpond/internal/refusal"
	"github.com/millpond/millpond/ufs/driver"
)

// failure is what a status that is none of success says.
func failure(resp *http.Response) error {
	err := fmt.Errorf("the server answers %s", resp.Status)
	switch c := resp.StatusCode; c {
	case http.StatusNotFound, http.StatusGone:
		return fmt.Errorf("%w: %w", driver.ErrNotExist, err)
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return fmt.Errorf("%w: %w", driver.ErrPermission, err)
	case http.StatusPreconditionFailed:
		return driver.ErrChanged
	case http.StatusBadRequest, http.StatusRequestURITooLong:
		return fmt.Errorf("%w: %w", driver.ErrInvalid, err)
	case http.StatusTooManyRequests:
		return &driver.Retryable{Err: err, After: refusal.RetryAfter(resp.Header)}
	case http.StatusServiceUnavailable:
		if resp.Header.Get("Retry-After") != "" {
			return &driver.Retryable{Err: err, After: refusal.RetryAfter(resp.Header)}
		}
		return err
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return err
	default:
		if c >= 500 && c != http.StatusNotImplemented && c != http.StatusHTTPVersionNotSupported {
			return err
		}
		return fmt.Errorf("%w: %w", driver.ErrUnsupported, err)
	}
}
