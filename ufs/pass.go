package ufs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

// pass is leave to make one attempt: a place under the limits, and the breaker's word. It is settled once, with the
// outcome, and left once, when the store has nothing more to do for it.
type pass struct {
	s     *Store
	op    op
	bytes int64 // that it counts as
	probe bool
	began time.Time
}

// enter waits for a place.
func (s *Store) enter(ctx context.Context, op op, bytes int64) (pass, error) {
	if ctx.Err() != nil {
		return pass{}, context.Cause(ctx)
	}
	err := s.guard.refuses()
	if err == nil {
		err = s.limits.take(ctx, bytes)
	}
	if err != nil {
		return pass{}, s.turnedAway(err)
	}
	probe, err := s.guard.admit()
	if err != nil {
		s.limits.give(bytes)
		return pass{}, s.turnedAway(err)
	}
	return pass{s, op, bytes, probe, time.Now()}, nil
}

// tryEnter takes a place only if there is one at once, and only while nothing is wrong.
func (s *Store) tryEnter(op op, bytes int64) (pass, bool) {
	if s.guard.trouble.Load() || !s.limits.try(bytes) {
		return pass{}, false
	}
	return pass{s, op, bytes, false, time.Now()}, true
}

// turnedAway counts calls that are not made.
func (s *Store) turnedAway(err error) error {
	if _, refused := errors.AsType[*UnavailableError](err); refused {
		s.counters.refused.Add(1)
	}
	return err
}

func (p pass) leave() { p.s.limits.give(p.bytes) }

// settle tells breaker and counters how an attempt for ctx's caller ended, and returns how long it took. begun: with a
// body that has brought no byte yet.
func (p pass) settle(ctx context.Context, err error, begun bool) time.Duration {
	took := time.Since(p.began)
	k := kindOf(ctx, err)
	if errors.Is(err, errOvertaken) {
		k = kindNone // nobody was failed; a request it was
		p.s.guard.settle(kindCanceled, p.probe, false, nil)
	} else {
		p.s.guard.settle(k, p.probe, begun, err)
	}
	p.s.counters.attempted(p.op, k, took)
	return took
}

// timeout bounds an attempt.
func (s *Store) timeout(op op) time.Duration {
	if opInfos[op].long {
		return s.o.CommitTimeout
	}
	return s.o.AttemptTimeout
}

// explain says why an attempt failed whose context ended before it answered: within, the caller's context, or ours, that
// of the attempt. What the store did say stands.
func (s *Store) explain(within, ours context.Context, op op, err error) error {
	if err == nil || ours.Err() == nil || kindOf(context.Background(), err) < kindCanceled {
		return err
	}
	cause := context.Cause(ours)
	switch {
	case within.Err() != nil:
		cause = context.Cause(within)
		if !errors.Is(err, cause) {
			err = fmt.Errorf("%w (%w)", cause, err)
		}
	case errors.Is(cause, errLate):
		// %v: a driver's own word for it, "context canceled", would pass for the caller's
		err = fmt.Errorf("no answer within %v (%v): %w", s.timeout(op), err, os.ErrDeadlineExceeded)
	default:
		err = cause
	}
	if _, unknown := errors.AsType[*driver.Unknown](err); opInfos[op].change && !unknown {
		return &driver.Unknown{Err: err}
	}
	return err
}
