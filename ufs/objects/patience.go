package objects

import (
	"context"
	"errors"
	"time"

	"github.com/millpond/millpond/internal/jitter"
	"github.com/millpond/millpond/ufs/driver"
)

// A part is sent behind the caller's back, so nobody above can send it again.
const (
	tries     = 4
	firstWait = 200 * time.Millisecond // doubled each time, with jitter
	lastWait  = firstWait << (tries - 2)
)

// patiently calls f until it succeeds, fails for good, or has failed tries times: the error is not *driver.Retryable, whoever gets it has only the whole
// upload to make again.
func patiently(ctx context.Context, f func() error) error {
	for n := 1; ; n++ {
		err := definite(f())
		if err == nil || n == tries || final(err) {
			return driver.NotAgain(err)
		}
		wait := jitter.Delay(n, firstWait, lastWait)
		if r, ok := errors.AsType[*driver.Retryable](err); ok {
			wait += r.After
		}
		if err := jitter.Wait(ctx, wait); err != nil {
			return err
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
