package cleaning_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/cleaning"
	"github.com/millpond/millpond/ufs/driver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// takes is a removal that a store answers to after d.
func takes(d time.Duration) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		select {
		case <-time.After(d):
			return "removed", &driver.Retryable{Err: errors.New("busy")}
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// TestDo waits as long as the caller's context lives, and a second; what is removed is not cut by its end.
func TestDo(t *testing.T) {
	for _, c := range []struct {
		name               string
		takes, lives, held time.Duration
		removed            bool
	}{
		{"in time", 20 * time.Second, time.Minute, 20 * time.Second, true},
		{"in the second", 2500 * time.Millisecond, 2 * time.Second, 2500 * time.Millisecond, true},
		{"behind", 20 * time.Second, 2 * time.Second, 3 * time.Second, false},
		{"never", time.Hour, time.Hour, cleaning.Within, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				cl := cleaning.New()
				ctx, cancel := context.WithTimeout(t.Context(), c.lives)
				defer cancel()
				began := time.Now()
				got, err := cleaning.Do(ctx, cl, takes(c.takes))
				require.Equal(t, c.held, time.Since(began))
				require.Error(t, err)
				_, again := errors.AsType[*driver.Retryable](err)
				require.False(t, again)
				require.Equal(t, c.removed, got == "removed")
				cl.Close()
			})
		})
	}
}

// TestClose gives what is under way a second, and nothing begins after it.
func TestClose(t *testing.T) {
	for _, d := range []time.Duration{500 * time.Millisecond, 20 * time.Second} {
		bubbletest.Test(t, func(t *testing.T) {
			c := cleaning.New()
			done := make(chan string, 1)
			go func() {
				got, _ := cleaning.Do(context.Background(), c, takes(d))
				done <- got
			}()
			synctest.Wait()
			began := time.Now()
			c.Close()
			require.Equal(t, min(d, cleaning.Grace), time.Since(began))
			require.Equal(t, d < cleaning.Grace, <-done == "removed")
			_, err := cleaning.Do(t.Context(), c, func(context.Context) (int, error) { t.Error("after Close"); return 0, nil })
			require.ErrorIs(t, err, fs.ErrClosed)
		})
	}
}
