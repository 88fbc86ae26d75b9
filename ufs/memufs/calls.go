package memufs

import (
	"context"
	"maps"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

// OnCall sets a hook that is asked at each call, by its name and key; what it returns is the call's answer. nil takes it
// away. See the package's Calls.
func (s *Store) OnCall(hook func(op, key string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.hook = hook
}

// Calls counts the calls of each name so far.
func (s *Store) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.mu.calls)
}

// Sent is how many bytes of files it has given so far.
func (s *Store) Sent() int64 { return s.sent.Load() }

// enter begins a call.
func (s *Store) enter(ctx context.Context, op, key string) error {
	if s.o.Latency > 0 {
		t := time.NewTimer(s.o.Latency)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !driver.ValidKey(key) {
		return driver.ErrInvalid
	}
	s.mu.Lock()
	s.mu.calls[op]++
	s.mu.Unlock()
	return s.ask(ctx, op, key)
}

// ask asks the hook.
func (s *Store) ask(ctx context.Context, op, key string) error {
	s.mu.Lock()
	hook := s.mu.hook
	s.mu.Unlock()
	if hook != nil {
		if err := hook(op, key); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// enterChange begins a call that changes the store, which must have the ability.
func (s *Store) enterChange(ctx context.Context, op, key string, ability bool) error {
	if err := s.enter(ctx, op, key); err != nil {
		return err
	}
	switch {
	case s.caps.ReadOnly:
		return driver.ErrReadOnly
	case !ability:
		return driver.ErrUnsupported
	}
	return nil
}
