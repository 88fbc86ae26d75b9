package ufs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

func TestLooksAreRetried(t *testing.T) {
	bubble(t, ufs.Options{}, nil, func(w *world) {
		w.put("f", []byte("x"))
		w.play("* nth=1-3 fail=unavailable")
		calls := w.made(func() {
			_, err := w.s.Stat(w.Context(), "f")
			require.NoError(t, err)
		})
		require.Equal(t, []string{"stat f", "stat f", "stat f", "stat f"}, calls)
		m := w.s.Metrics()
		require.EqualValues(t, 3, m.Retries)
		require.EqualValues(t, 3, m.Errors.Unavailable)
		require.EqualValues(t, 4, m.Calls["stat"].Calls)
		require.EqualValues(t, 3, m.Calls["stat"].Errors)
	})
}

func TestRetriesEnd(t *testing.T) {
	bubble(t, ufs.Options{Attempts: 3}, nil, func(w *world) {
		w.play("* fail=reset")
		calls := w.made(func() {
			_, err := w.s.ListPage(w.Context(), ufs.ListOptions{})
			require.ErrorContains(t, err, `list "" in mem://world, 3 attempts`)
			require.ErrorContains(t, err, "connection reset")
		})
		require.Len(t, calls, 3)
	})
}

func TestAnswersAreNotRetried(t *testing.T) {
	for _, fail := range []string{"notexist", "permission", "invalid", "notdir", "isdir", "unsupported", "changed"} {
		bubble(t, ufs.Options{}, nil, func(w *world) {
			w.play("* fail=" + fail)
			require.Len(t, w.made(func() {
				_, err := w.s.Stat(w.Context(), "f")
				require.Error(t, err)
			}), 1, fail)
		})
	}
}

// TestFullJitter: the waits before a second attempt are spread over all of 0 to BaseDelay.
func TestFullJitter(t *testing.T) {
	bubble(t, ufs.Options{BaseDelay: time.Second, MaxDelay: time.Second}, nil, func(w *world) {
		var waits []time.Duration
		for range 200 {
			w.play("stat nth=1 fail=reset")
			began := time.Now()
			_, err := w.s.Stat(w.Context(), "")
			require.NoError(t, err)
			waits = append(waits, time.Since(began))
		}
		require.LessOrEqual(t, slices.Max(waits), time.Second)
		require.Greater(t, slices.Max(waits), 900*time.Millisecond)
		require.Less(t, slices.Min(waits), 100*time.Millisecond)
	})
}

// TestDelayGrows: the n-th wait is at most BaseDelay * 2^(n-1), and at most MaxDelay.
func TestDelayGrows(t *testing.T) {
	bubble(t, ufs.Options{Attempts: 6, BaseDelay: time.Second, MaxDelay: 10 * time.Second, DisableBreaker: true}, nil, func(w *world) {
		w.play("stat fail=reset")
		longest := time.Duration(0)
		for range 100 {
			began := time.Now()
			_, err := w.s.Stat(w.Context(), "")
			require.Error(t, err)
			longest = max(longest, time.Since(began))
		}
		require.LessOrEqual(t, longest, 25*time.Second, "1 + 2 + 4 + 8 + 10")
		require.Greater(t, longest, 14*time.Second)
	})
}

func TestAfterIsKeptTo(t *testing.T) {
	bubble(t, ufs.Options{}, nil, func(w *world) {
		w.put("f", nil)
		w.play("* nth=1 fail=throttled after=3s")
		began := time.Now()
		require.NoError(t, w.s.Delete(w.Context(), "f"))
		require.GreaterOrEqual(t, time.Since(began), 3*time.Second)
		require.EqualValues(t, 1, w.s.Metrics().Errors.Throttled)

		w.play("* nth=1 fail=throttled after=31s")
		began = time.Now()
		_, err := w.s.Stat(w.Context(), "")
		r, ok := errors.AsType[*driver.Retryable](err)
		require.True(t, ok, "longer than AttemptTimeout: the caller is told")
		require.Equal(t, 31*time.Second, r.After)
		require.Zero(t, time.Since(began))
	})
}

// changes are calls that must not be made twice.
func changes(w *world) map[string]func() error {
	ctx := w.Context()
	return map[string]func() error{
		"delete": func() error { return w.s.Delete(ctx, "f") },
		"rename": func() error { _, err := w.s.Rename(ctx, "f", "g", false); return err },
		"mkdir":  func() error { return w.s.Mkdir(ctx, "d", false, 0o755) },
		"create": func() error {
			c, err := w.s.Create(ctx, "n", ufs.CreateOptions{})
			if err == nil {
				err = c.Abort(ctx)
			}
			return err
		},
		"commit": func() error {
			c, err := w.s.Create(ctx, "n", ufs.CreateOptions{})
			if err != nil {
				return err
			}
			if _, err := c.Commit(ctx); err != nil {
				return errors.Join(err, c.Abort(ctx))
			}
			return nil
		},
	}
}

// TestChangesAreNotRepeatedBlindly: each is made again only if the store has said that nothing happened.
func TestChangesAreNotRepeatedBlindly(t *testing.T) {
	for op := range changes(&world{T: t}) {
		for fail, again := range map[string]bool{"reset": false, "timeout": false, "unavailable": false, "refused": op != "commit", "throttled": true} {
			bubble(t, ufs.Options{}, nil, func(w *world) {
				w.put("f", nil)
				w.play(fmt.Sprintf("%s nth=1 fail=%s", op, fail))
				err := changes(w)[op]()
				tries := 0
				for _, call := range w.f.Log() {
					if call[:len(op)] == op {
						tries++
					}
				}
				if !again {
					require.Error(t, err, "%s %s", op, fail)
					require.Equal(t, 1, tries, "%s %s", op, fail)
					return
				}
				require.NoError(t, err, "%s %s", op, fail)
				require.Equal(t, 2, tries, "%s %s", op, fail)
			})
		}
	}
}

// TestLostAnswer: a change that was made and whose answer is lost is Unknown, and is not made again.
func TestLostAnswer(t *testing.T) {
	bubble(t, ufs.Options{}, nil, func(w *world) {
		w.put("f", nil)
		w.play("delete nth=1 done fail=reset")
		err := w.s.Delete(w.Context(), "f")
		_, unknown := errors.AsType[*driver.Unknown](err)
		require.True(t, unknown, "%v", err)
		w.holds("f", nil)
	})
}

// TestStall: an attempt ends after its time; a look is made again, a change is of unknown outcome.
func TestStall(t *testing.T) {
	bubble(t, ufs.Options{AttemptTimeout: time.Second}, nil, func(w *world) {
		w.put("f", nil)
		w.play("* nth=1 stall")
		began := time.Now()
		_, err := w.s.Stat(w.Context(), "f")
		require.NoError(t, err)
		require.WithinRange(t, time.Now(), began.Add(time.Second), began.Add(1300*time.Millisecond))

		w.play("* nth=1 stall")
		err = w.s.Delete(w.Context(), "f")
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.ErrorContains(t, err, "no answer within 1s")
		require.NotErrorIs(t, err, context.Canceled)
		_, unknown := errors.AsType[*driver.Unknown](err)
		require.True(t, unknown)
		require.EqualValues(t, 2, w.s.Metrics().Errors.Timeout)
	})
}

// TestCause: whatever is waited for, it ends with the caller's context and says why.
func TestCause(t *testing.T) {
	left := errors.New("the user left")
	for name, script := range map[string]string{"an attempt": "stat stall", "between attempts": "stat fail=throttled after=20s"} {
		bubble(t, ufs.Options{}, nil, func(w *world) {
			w.play(script)
			ctx, cancel := context.WithCancelCause(w.Context())
			time.AfterFunc(time.Second, func() { cancel(left) })
			began := time.Now()
			_, err := w.s.Stat(ctx, "")
			require.ErrorIs(t, err, left, name)
			require.Equal(t, time.Second, time.Since(began), name)
		})
	}
}

// TestNoWaitBeyondDeadline: who would be gone when the wait is over is told at once what the store said.
func TestNoWaitBeyondDeadline(t *testing.T) {
	bubble(t, ufs.Options{}, nil, func(w *world) {
		w.play("stat fail=throttled after=20s")
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := w.s.Stat(ctx, "")
		require.ErrorContains(t, err, "slow down")
		require.Zero(t, time.Since(began))
	})
}
