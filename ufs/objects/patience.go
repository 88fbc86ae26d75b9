package objects

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

// A part is sent behind the caller's back, so nobody above can send it again.
const (
	tries     = 4
	firstWait = 100 * time.Millisecond // doubled each time, with jitter
)

// patiently calls f until it succeeds, fails for good, or has failed tries times.
func patiently(ctx context.Context, f func() error) error {
	for n := 1; ; n++ {
		err := definite(f())
		if err == nil || n == tries || final(err) {
			return err
		}
		wait := rand.N(firstWait << n)
		if r, ok := errors.AsType[*driver.Retryable](err); ok {
			wait += r.After
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// final says whether asking again would bring the same answer.
func final(err error) bool {
	for _, e := range []error{driver.ErrNotExist, driver.ErrPermission, driver.ErrInvalid, driver.ErrChanged, driver.ErrUnsupported, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
