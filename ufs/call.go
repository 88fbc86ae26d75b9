package ufs

import (
	"context"
	"errors"
	"time"

	"github.com/millpond/millpond/internal/jitter"
	"github.com/millpond/millpond/ufs/driver"
)

// tries are the attempts at one call.
type tries struct {
	s      *Store
	op     op
	repeat bool // it may be made again whatever came of it
	made   int
}

func (s *Store) tries(op op) *tries { return &tries{s: s, op: op, repeat: opInfos[op].repeat} }

// call makes a call: once, and again as far as that is allowed and of use. ctx bounds it all, the context of do one
// attempt.
func (s *Store) call(ctx context.Context, op op, key string, do func(ctx context.Context) error) error {
	return s.tries(op).call(ctx, key, do)
}

func (t *tries) call(ctx context.Context, key string, do func(ctx context.Context) error) error {
	for {
		err := t.s.attempt(ctx, t.op, do)
		t.made++
		if err == nil {
			return nil
		}
		if err = t.again(ctx, err); err != nil {
			return t.s.wrap(t.op, key, t.made, err)
		}
	}
}

// attempt makes a call once.
func (s *Store) attempt(ctx context.Context, op op, do func(ctx context.Context) error) error {
	p, err := s.enter(ctx, op, 0)
	if err != nil {
		return err
	}
	defer p.leave()
	ours, cancel := context.WithTimeoutCause(ctx, s.timeout(op), errLate)
	defer cancel()
	err = s.explain(ctx, ours, op, do(ours))
	p.settle(ctx, err, false)
	return err
}

// again waits until the next attempt. If there is to be none it returns err, or why the wait ended.
func (t *tries) again(ctx context.Context, err error) error {
	if t.made >= t.s.o.Attempts || !t.mayRepeat(ctx, err) {
		return err
	}
	wait, ok := t.s.o.pause(t.made, err)
	if deadline, has := ctx.Deadline(); !ok || has && time.Until(deadline) <= wait {
		return err // the caller will not be there any more
	}
	if err := jitter.Wait(ctx, wait); err != nil {
		return err
	}
	t.s.counters.ops[t.op].retries.Add(1)
	return nil
}

func (t *tries) mayRepeat(ctx context.Context, err error) bool {
	if _, refused := errors.AsType[*UnavailableError](err); refused || !kindOf(ctx, err).passing() {
		return false
	}
	return t.repeat || harmless(t.op, err)
}

// pause is how long to wait after n attempts: full jitter, on top of what the store asked for. Not ok: it asked for too much.
func (o *Options) pause(n int, err error) (wait time.Duration, ok bool) {
	wait = jitter.Delay(n, o.BaseDelay, o.MaxDelay)
	if r, asked := errors.AsType[*driver.Retryable](err); asked {
		wait += r.After
		return wait, r.After <= o.AttemptTimeout
	}
	return wait, true
}
