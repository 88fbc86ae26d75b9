package objects

import (
	"context"
	"errors"
	"time"

	"github.com/millpond/millpond/internal/cleaning"
	"github.com/millpond/millpond/internal/jitter"
	"github.com/millpond/millpond/ufs/driver"
)

// A part is sent behind the caller's back, so nobody above can send it again.
const (
	tries     = 4
	firstWait = 200 * time.Millisecond // doubled each time, with jitter
	lastWait  = firstWait << (tries - 2)
)

// Patiently calls f, which publishes nothing, until it succeeds, fails for good, or has failed four times: the error is not *driver.Retryable, whoever gets it
// has only the whole upload to make again.
func Patiently(ctx context.Context, f func() error) error {
	return repeat(ctx, func() error { return definite(f()) }, func(err error) bool { return !final(err) })
}

// WhileRefused calls f, which publishes, as long as the store refuses it for now, up to four times. The error is not *driver.Retryable.
func WhileRefused(ctx context.Context, f func() error) error { return repeat(ctx, f, retryable) }

// repeat calls f again where that may help.
func repeat(ctx context.Context, f func() error, may func(error) bool) error {
	for n := 1; ; n++ {
		err := f()
		if err == nil || n == tries || !may(err) {
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

// lateWithin is given to what a store is still storing when its request was given up.
const lateWithin = 300 * time.Millisecond

// Clean calls drop, which removes what is left of an upload or a copy that does not come to be, for up to 30 s whatever has become of ctx; who waits has it
// go on behind a second after that has ended. cut: the request of a part was given up, and the store may be storing it all the same; then drop is called once
// more.
func (p *Parts) Clean(ctx context.Context, cut bool, drop func(ctx context.Context) error) error {
	_, err := cleaning.Do(ctx, p.cleaner, func(ctx context.Context) (struct{}, error) {
		again := func() error { return Patiently(ctx, func() error { return drop(ctx) }) }
		err := again()
		if err != nil || !cut || jitter.Wait(ctx, lateWithin) != nil {
			return struct{}{}, err
		}
		return struct{}{}, again()
	})
	return err
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
