package ufs_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
)

var fragile = ufs.Options{Attempts: 1, BreakerFailures: 3, BreakerDelay: time.Second, BreakerMaxDelay: 3 * time.Second}

func (w *world) stat() error {
	_, err := w.s.Stat(w.Context(), "")
	return err
}

// trip opens the breaker.
func (w *world) trip() {
	w.Helper()
	w.play("* fail=reset")
	for range 3 {
		require.Equal(w, ufs.BreakerClosed, w.s.Metrics().Breaker)
		require.NotErrorIs(w, w.stat(), ufs.ErrUnavailable)
	}
	require.Equal(w, ufs.BreakerOpen, w.s.Metrics().Breaker)
}

func TestBreakerFailsFast(t *testing.T) {
	bubble(t, fragile, nil, func(w *world) {
		w.trip()
		calls := w.made(func() {
			err := w.stat()
			require.ErrorIs(w, err, ufs.ErrUnavailable)
			u, ok := errors.AsType[*ufs.UnavailableError](err)
			require.True(w, ok)
			require.Equal(w, "mem://world", u.Store)
			require.Equal(w, time.Now().Add(time.Second), u.Until)
			require.ErrorContains(w, err, "under store mem://world unavailable: 3 calls in a row failed, the next is tried at ")
			require.ErrorContains(w, err, "connection reset")
		})
		require.Empty(w, calls)
		m := w.s.Metrics()
		require.EqualValues(w, 1, m.Refused)
		require.EqualValues(w, 1, m.BreakerOpens)
	})
}

// TestBreakerProbe: one call is let through when the delay is over. If it fails the delay doubles, up to its bound; if
// not, the breaker closes.
func TestBreakerProbe(t *testing.T) {
	bubble(t, fragile, nil, func(w *world) {
		w.trip()
		for _, delay := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second} {
			time.Sleep(delay - 1)
			require.Empty(w, w.made(func() { require.Error(w, w.stat()) }), "before %v", delay)
			time.Sleep(time.Nanosecond)
			require.Len(w, w.made(func() { require.Error(w, w.stat()) }), 1, "after %v", delay)
		}
		time.Sleep(3 * time.Second)
		w.play("stat delay=1s")
		var wg sync.WaitGroup
		wg.Go(func() { require.NoError(w, w.stat()) })
		synctest.Wait()
		require.Equal(w, ufs.BreakerHalfOpen, w.s.Metrics().Breaker)
		require.ErrorIs(w, w.stat(), ufs.ErrUnavailable, "there is one probe")
		wg.Wait()
		require.Equal(w, ufs.BreakerClosed, w.s.Metrics().Breaker)
		require.NoError(w, w.stat())
		w.trip() // from the first delay again
		time.Sleep(time.Second)
		w.play("")
		require.NoError(w, w.stat())
	})
}

// TestBreakerTakesAnswers: what the store says is a success, and being asked to come later says nothing.
func TestBreakerTakesAnswers(t *testing.T) {
	for _, fail := range []string{"notexist", "permission", "exist", "throttled"} {
		bubble(t, fragile, nil, func(w *world) {
			w.play("* fail=" + fail)
			for range 10 {
				require.Error(w, w.stat())
			}
			require.Equal(w, ufs.BreakerClosed, w.s.Metrics().Breaker, fail)
			w.play("* nth=1-2 fail=reset\n* nth=3 fail=notexist\n* nth=4-5 fail=reset")
			for range 5 {
				require.Error(w, w.stat())
			}
			require.Equal(w, ufs.BreakerClosed, w.s.Metrics().Breaker, "an answer between")
		})
	}
}

// TestBreakerThrottledProbe: a probe that is sent away for now decides nothing; the next call is the probe.
func TestBreakerThrottledProbe(t *testing.T) {
	bubble(t, fragile, nil, func(w *world) {
		w.trip()
		time.Sleep(time.Second)
		w.play("* nth=1 fail=throttled")
		require.NotErrorIs(w, w.stat(), ufs.ErrUnavailable)
		require.NoError(w, w.stat())
		require.Equal(w, ufs.BreakerClosed, w.s.Metrics().Breaker)
	})
}

// TestBreakerSendsWaitersAway: who waits for his turn is told when there is none.
func TestBreakerSendsWaitersAway(t *testing.T) {
	o := fragile
	o.MaxCalls, o.BreakerFailures = 1, 1
	bubble(t, o, nil, func(w *world) {
		w.play("* delay=1s fail=reset")
		began := time.Now()
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { require.Error(w, w.stat()) })
		}
		wg.Wait()
		require.Equal(w, time.Second, time.Since(began))
		require.EqualValues(w, 4, w.s.Metrics().Refused)
	})
}

// TestBreakerStalledBodies: a store that answers and then brings nothing is down as well.
func TestBreakerStalledBodies(t *testing.T) {
	o := fragile
	o.AttemptTimeout = time.Second
	bubble(t, o, nil, func(w *world) {
		w.put("f", pattern(100))
		w.play("open hang=0")
		for range 3 {
			require.Equal(w, ufs.BreakerClosed, w.s.Metrics().Breaker)
			_, err := w.s.ReadAt(w.Context(), "f", "", make([]byte, 100), 0)
			require.Error(w, err)
		}
		require.Equal(w, ufs.BreakerOpen, w.s.Metrics().Breaker)

		time.Sleep(time.Second) // the probe begins well, and stalls: once is enough
		_, err := w.s.ReadAt(w.Context(), "f", "", make([]byte, 100), 0)
		require.NotErrorIs(w, err, ufs.ErrUnavailable)
		require.Equal(w, ufs.BreakerOpen, w.s.Metrics().Breaker)

		time.Sleep(2 * time.Second)
		w.play("")
		_, err = w.s.ReadAt(w.Context(), "f", "", make([]byte, 100), 0)
		require.NoError(w, err)
		w.trip() // a body that came was a whole success
	})
}

// TestBreakerStragglers: calls that were under way when it opened change nothing any more.
func TestBreakerStragglers(t *testing.T) {
	bubble(t, fragile, nil, func(w *world) {
		w.play("* delay=1s fail=reset")
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { require.Error(w, w.stat()) })
		}
		wg.Wait()
		require.EqualValues(w, 1, w.s.Metrics().BreakerOpens)
		time.Sleep(time.Second)
		w.play("")
		require.NoError(w, w.stat(), "after the first delay")
	})
}

// TestBreakerFreesTheQueue: also while those who hold the places hold them.
func TestBreakerFreesTheQueue(t *testing.T) {
	o := fragile
	o.MaxCalls, o.BreakerFailures = 1, 1
	bubble(t, o, nil, func(w *world) {
		w.put("f", pattern(100))
		c, err := w.s.Create(w.Context(), "g", ufs.CreateOptions{})
		require.NoError(w, err)
		held, _, err := w.s.Open(w.Context(), "f", 0, -1, "")
		require.NoError(w, err)
		var wg sync.WaitGroup
		wg.Go(func() { require.ErrorIs(w, w.stat(), ufs.ErrUnavailable) })
		synctest.Wait()
		w.play("write fail=reset")
		_, err = c.Write([]byte("x"))
		require.Error(w, err)
		wg.Wait()
		require.NoError(w, held.Close())
		require.NoError(w, c.Abort(w.Context()))
	})
}

func TestBreakerRetriesStop(t *testing.T) {
	o := fragile
	o.Attempts = 10
	bubble(t, o, nil, func(w *world) {
		w.play("* fail=reset")
		require.Len(w, w.made(func() { require.ErrorIs(w, w.stat(), ufs.ErrUnavailable) }), 3, "a retry is refused like any call")
	})
}

func TestDisableBreaker(t *testing.T) {
	o := fragile
	o.DisableBreaker = true
	bubble(t, o, nil, func(w *world) {
		w.play("* fail=reset")
		for range 20 {
			require.NotErrorIs(w, w.stat(), ufs.ErrUnavailable)
		}
	})
}

// TestBreakerLeavesBodies: a body that is open is read on.
func TestBreakerLeavesBodies(t *testing.T) {
	bubble(t, fragile, nil, func(w *world) {
		w.put("f", pattern(100))
		rc, _, err := w.s.Open(w.Context(), "f", 0, -1, "")
		require.NoError(w, err)
		w.trip()
		got, err := io.ReadAll(rc)
		require.NoError(w, err)
		require.Len(w, got, 100)
	})
}

// fullHere is a driver of a machine that has no room for what is to be sent.
type fullHere struct{ driver.Store }

func (d fullHere) Create(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
	w, err := d.Store.Create(ctx, key, o)
	return fullWriter{w}, err
}

type fullWriter struct{ driver.Writer }

func (fullWriter) Write([]byte) (int, error) {
	return 0, &driver.LocalError{Err: &fs.PathError{Op: "write", Path: "/tmp/x", Err: syscall.ENOSPC}}
}

// TestBreakerIsTheStores: a disk of this machine that is full keeps nobody from the store, nor does a store that is down seem to work.
func TestBreakerIsTheStores(t *testing.T) {
	over(t, fragile, func() driver.Store { return fullHere{memufs.New(nil)} }, func(w *world) {
		c, err := w.s.Create(w.Context(), "f", ufs.CreateOptions{})
		require.NoError(t, err)
		write := func() {
			_, err := c.Write([]byte("x"))
			require.ErrorContains(t, err, "no space left on device")
		}
		for range 10 {
			write()
		}
		require.NoError(t, w.stat())
		require.EqualValues(t, 10, w.s.Metrics().Errors.Local)
		w.play("stat fail=reset")
		for range 3 {
			write()
			require.Error(t, w.stat())
		}
		require.Equal(t, ufs.BreakerOpen, w.s.Metrics().Breaker)
		require.NoError(t, c.Abort(w.Context()))
	})
}
