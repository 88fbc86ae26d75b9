package objects_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// lateSink is a store that takes a part although its request was cut, when it comes to it.
type lateSink struct {
	sink
	takes time.Duration // for a part
	late  time.Duration // for one whose request was cut, from then on
}

func (s *lateSink) Part(ctx context.Context, n int, b *objects.Body) error {
	if s.fail != nil {
		if err := s.fail(n); err != nil {
			return err
		}
	}
	data := content(b)
	arrive := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.parts[n] = data
	}
	select {
	case <-time.After(s.takes):
		arrive()
		return nil
	case <-ctx.Done():
		time.AfterFunc(s.late, arrive)
		return ctx.Err()
	}
}

// TestPartsInFlightArriveBeforeTheRestIsDropped: what arrives later stays, and somebody pays for it.
func TestPartsInFlightArriveBeforeTheRestIsDropped(t *testing.T) {
	for name, fail := range map[string]func(n int) error{
		"abort": nil,
		"a part that fails": func(n int) error {
			if n == 2 {
				return driver.ErrPermission
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				s := &lateSink{sink{parts: map[int][]byte{}, fail: fail}, time.Second, time.Second}
				u := objects.NewParts(10, 100).Upload(t.Context(), s, 0)
				_, err := u.Write(pattern(55))
				if fail == nil {
					require.NoError(t, err)
				}
				require.NoError(t, u.Abort(t.Context()))
				require.Equal(t, 1, s.dropped)
				time.Sleep(time.Minute)
				s.mu.Lock()
				defer s.mu.Unlock()
				require.Empty(t, s.parts)
			})
		})
	}
}

// TestCommitEndsWithItsContext: though the upload's own goes on, and a store has not answered to its parts.
func TestCommitEndsWithItsContext(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		s := &lateSink{sink{parts: map[int][]byte{}}, time.Hour, time.Second}
		u := objects.NewParts(10, 100).Upload(t.Context(), s, 0)
		_, err := u.Write(pattern(55))
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err = u.Commit(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Minute+300*time.Millisecond, time.Since(began), "and what is left between two drops")
		require.Equal(t, 2, s.dropped)
		time.Sleep(2 * time.Second) // until what arrives all the same has
	})
}

// TestAbortDoesNotWaitForAStalledStore.
func TestAbortDoesNotWaitForAStalledStore(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		s := &lateSink{sink{parts: map[int][]byte{}}, time.Hour, time.Second}
		u := objects.NewParts(10, 100).Upload(t.Context(), s, 0)
		_, err := u.Write(pattern(55))
		require.NoError(t, err)
		began := time.Now()
		require.NoError(t, u.Abort(t.Context()))
		require.Equal(t, 2300*time.Millisecond, time.Since(began), "2 s, and what is left between two drops")
		require.Equal(t, 2, s.dropped)
		time.Sleep(2 * time.Second) // until what arrives all the same has
	})
}

// TestAPartThatArrivesLate: a store has a part after its upload was dropped.
func TestAPartThatArrivesLate(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		s := &lateSink{sink{parts: map[int][]byte{}}, time.Hour, 200 * time.Millisecond}
		u := objects.NewParts(10, 100).Upload(t.Context(), s, 0)
		_, err := u.Write(pattern(55))
		require.NoError(t, err)
		require.NoError(t, u.Abort(t.Context()))
		time.Sleep(time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		require.Empty(t, s.parts)
	})
}

// silentSink is a store that takes its time to drop what was uploaded.
type silentSink struct {
	sink
	takes time.Duration
}

func (s *silentSink) Drop(ctx context.Context) error {
	select {
	case <-time.After(s.takes):
		return s.sink.Drop(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *silentSink) drops() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

// TestCleaningUpGoesOnBehind: a caller whose context has ended is held for a second by a store that is silent.
func TestCleaningUpGoesOnBehind(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		s := &silentSink{sink{parts: map[int][]byte{}}, 20 * time.Second}
		p := objects.NewParts(10, 100)
		u := p.Upload(t.Context(), s, 0)
		_, err := u.Write(pattern(25))
		require.NoError(t, err)
		time.Sleep(time.Minute) // until the parts are there
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		require.ErrorIs(t, u.Abort(ctx), driver.ErrUnavailable)
		require.Equal(t, 2*time.Second, time.Since(began))
		require.Zero(t, s.drops())
		time.Sleep(time.Minute)
		require.Equal(t, 1, s.drops())
		p.Close()
	})
}
