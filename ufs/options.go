package ufs

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

// Options tune what a [Store] does around its driver. The zero value, and nil, are the defaults.
type Options struct {
	// MaxCalls bounds the calls in flight; an open body counts until it is closed or read to its end. More wait, first
	// come first served. Default: 64.
	MaxCalls int
	// MaxBytes bounds the bytes in flight, those of open bodies and, apart from them, those being written: an open body
	// counts with what was asked for, at most 8 MiB, which is what may lie in buffers on the way. Default: 256 MiB.
	MaxBytes int64

	// Attempts is how often a call is made in all, where it may be made again. Default: 4.
	Attempts int
	// BaseDelay is the most that is waited before the second attempt; it doubles for each one after that, up to
	// MaxDelay, and the wait is drawn evenly between 0 and it. Defaults: 20 ms, 2 s.
	BaseDelay, MaxDelay time.Duration
	// AttemptTimeout ends an attempt that has not answered, and a body that has brought no byte for so long. A store
	// that asks to be left alone for longer is not asked again. Default: 30 s.
	AttemptTimeout time.Duration
	// CommitTimeout ends an attempt to move whole files: Commit, Copy and Rename. Default: 10 minutes.
	CommitTimeout time.Duration

	// BreakerFailures opens the circuit breaker when so many calls in a row have failed with an error that may pass:
	// then calls fail at once with ErrUnavailable. Default: 10.
	BreakerFailures int
	// BreakerDelay is how long it stays open before one call is let through to try; it doubles with each that fails, up
	// to BreakerMaxDelay. Defaults: 1 s, 30 s.
	BreakerDelay, BreakerMaxDelay time.Duration
	// DisableBreaker lets every call through. Default: false.
	DisableBreaker bool

	// DisableHedge asks only once for a range that is late. Default: false; see Store.Open for what is hedged.
	DisableHedge bool

	// Logger is told when the breaker opens and closes. Default: nothing is logged.
	Logger *slog.Logger
}

// Check says everything that is wrong with o: each error is ErrInvalid and names field, value and what would do.
func (o Options) Check() error {
	_, err := o.complete()
	return err
}

// field is one number of Options with its default.
type field[T int | int64 | time.Duration] struct {
	name string
	v    *T
	def  T
}

// fill sets what is 0 to its default, and reports what is negative.
func fill[T int | int64 | time.Duration](fields ...field[T]) (bad []error) {
	for _, f := range fields {
		if *f.v < 0 {
			bad = append(bad, fmt.Errorf("%w: Options.%s is %v; want 0 (the default, %v) or more", driver.ErrInvalid, f.name, *f.v, f.def))
		}
		if *f.v == 0 {
			*f.v = f.def
		}
	}
	return bad
}

// complete returns a copy with the defaults filled in, or everything that is wrong.
func (o Options) complete() (Options, error) {
	bad := fill(field[int]{"MaxCalls", &o.MaxCalls, 64}, field[int]{"Attempts", &o.Attempts, 4}, field[int]{"BreakerFailures", &o.BreakerFailures, 10})
	bad = append(bad, fill(field[int64]{"MaxBytes", &o.MaxBytes, 256 << 20})...)
	bad = append(bad, fill(
		field[time.Duration]{"BaseDelay", &o.BaseDelay, 20 * time.Millisecond}, // a store's usual answer
		field[time.Duration]{"MaxDelay", &o.MaxDelay, max(2*time.Second, o.BaseDelay)},
		field[time.Duration]{"AttemptTimeout", &o.AttemptTimeout, 30 * time.Second},
		field[time.Duration]{"CommitTimeout", &o.CommitTimeout, 10 * time.Minute},
		field[time.Duration]{"BreakerDelay", &o.BreakerDelay, time.Second},
		field[time.Duration]{"BreakerMaxDelay", &o.BreakerMaxDelay, max(30*time.Second, o.BreakerDelay)},
	)...)
	bad = append(bad, atLeast("MaxDelay", o.MaxDelay, "BaseDelay", o.BaseDelay), atLeast("BreakerMaxDelay", o.BreakerMaxDelay, "BreakerDelay", o.BreakerDelay))
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, errors.Join(bad...)
}

func atLeast(name string, v time.Duration, lower string, least time.Duration) error {
	if v >= least || v < 0 { // a negative one has been reported
		return nil
	}
	return fmt.Errorf("%w: Options.%s is %v; want at least %s, %v", driver.ErrInvalid, name, v, lower, least)
}
