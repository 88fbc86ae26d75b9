package flight_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/flight"
)

var errClosed = errors.New("closed")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// spawner starts tasks under a context of its own until it is closed.
type spawner struct {
	ctx    context.Context
	closed atomic.Bool
}

func (s *spawner) spawn(task func(ctx context.Context)) bool {
	if s.closed.Load() {
		return false
	}
	go task(s.ctx)
	return true
}

func TestEqualCallsAreOne(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		g := flight.New[int]((&spawner{ctx: t.Context()}).spawn, errClosed)
		var calls atomic.Int32
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				v, err := g.Do(t.Context(), []string{"a", "b"}[i%2], func(context.Context) (int, error) {
					time.Sleep(time.Second)
					return int(calls.Add(1)), nil
				})
				require.NoError(t, err)
				require.Contains(t, []int{1, 2}, v)
			})
		}
		wg.Wait()
		require.EqualValues(t, 2, calls.Load(), "one a key")
		v, err := g.Do(t.Context(), "a", func(context.Context) (int, error) { return 7, nil })
		require.NoError(t, err)
		require.Equal(t, 7, v, "a later call is a call of its own")
	})
}

// TestLeaving: who leaves has its context's cause at once, and those who stay have the answer.
func TestLeaving(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		g := flight.New[string]((&spawner{ctx: t.Context()}).spawn, errClosed)
		why := errors.New("gone for lunch")
		ctx, cancel := context.WithCancelCause(t.Context())
		slow := func(under context.Context) (string, error) {
			select {
			case <-time.After(time.Minute):
				return "answer", nil
			case <-under.Done():
				return "", context.Cause(under)
			}
		}
		left := make(chan error, 1)
		go func() {
			_, err := g.Do(ctx, "k", slow)
			left <- err
		}()
		synctest.Wait()
		stayed := make(chan string, 1)
		go func() {
			v, _ := g.Do(t.Context(), "k", slow)
			stayed <- v
		}()
		began := time.Now()
		cancel(why)
		require.ErrorIs(t, <-left, why)
		require.Zero(t, time.Since(began))
		require.Equal(t, "answer", <-stayed)
	})
}

// TestPanic reaches all who wait as an error, and the key can be asked for again.
func TestPanic(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		g := flight.New[int]((&spawner{ctx: t.Context()}).spawn, errClosed)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				_, err := g.Do(t.Context(), "k", func(context.Context) (int, error) {
					time.Sleep(time.Second)
					panic("no more water")
				})
				require.ErrorContains(t, err, "no more water")
			})
		}
		wg.Wait()
		v, err := g.Do(t.Context(), "k", func(context.Context) (int, error) { return 1, nil })
		require.NoError(t, err)
		require.Equal(t, 1, v)
	})
}

func TestClosed(t *testing.T) {
	s := &spawner{ctx: t.Context()}
	g := flight.New[int](s.spawn, errClosed)
	s.closed.Store(true)
	_, err := g.Do(t.Context(), "k", func(context.Context) (int, error) { return 1, nil })
	require.ErrorIs(t, err, errClosed)
}
