package httpufs

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

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
		return &driver.Retryable{Err: err, After: retryAfter(resp)}
	case http.StatusServiceUnavailable:
		if resp.Header.Get("Retry-After") != "" {
			return &driver.Retryable{Err: err, After: retryAfter(resp)}
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

// retryAfter is the wait that a response asks for, in seconds or to a time by its own clock.
func retryAfter(resp *http.Response) time.Duration {
	v := strings.TrimSpace(resp.Header.Get("Retry-After"))
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return max(0, at.Sub(dateOf(resp)))
}

// dateOf is the server's time; ours if it does not say.
func dateOf(resp *http.Response) time.Time {
	if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		return t
	}
	return time.Now()
}
