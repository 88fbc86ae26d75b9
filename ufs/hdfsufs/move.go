package hdfsufs

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

const (
	moveTries = 4                      // enough for a NameNode's successor that is elected meanwhile
	movePause = 250 * time.Millisecond // at most, before the second; it doubles
)

// move renames what has the id. An answer that is lost leaves it known whether it happened: the id is then at the one
// name or at the other. It is *driver.Unknown if that cannot be found out.
func (s *store) move(ctx context.Context, from, to string, id uint64, overwrite bool) error {
	for try := 1; ; try++ {
		err := s.call(ctx, func(x *session) error { return x.rename(from, to, overwrite) })
		if err == nil || try == 1 && !lost(err) {
			return s.refusal(ctx, to, err)
		}
		if at, serr := s.status(ctx, to); serr == nil && at.GetFileId() == id {
			return nil
		}
		if try == moveTries || !mayPass(err) || !pause(ctx, movePause<<(try-1)) {
			return &driver.Unknown{Err: errors.Join(err, context.Cause(ctx))}
		}
	}
}

// mayPass reports whether a NameNode may answer another time.
func mayPass(err error) bool {
	_, later := errors.AsType[*driver.Retryable](err)
	return later || !answered(err)
}

// refusal says what a NameNode has against a new name that it refuses without a condition.
func (s *store) refusal(ctx context.Context, to string, err error) error {
	if _, plain := errors.AsType[*remoteError](err); !plain {
		return err
	}
	st, serr := s.status(ctx, to)
	switch {
	case serr != nil:
		return err
	case st.GetFileType() == kindDir && st.GetChildrenNum() > 0:
		return errors.Join(driver.ErrExist, driver.ErrNotEmpty, err)
	default:
		return errors.Join(driver.ErrExist, err)
	}
}

// pause waits a random time up to most; false if ctx ends first.
func pause(ctx context.Context, most time.Duration) bool {
	t := time.NewTimer(rand.N(most))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
