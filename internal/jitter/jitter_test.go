package jitter_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/jitter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The bound doubles up to the most there is, however many attempts were made, and the delay is anywhere below it.
func TestDelay(t *testing.T) {
	for n, bound := range map[int]time.Duration{1: 10, 2: 20, 3: 40, 7: 640, 8: 1000, 40: 1000, 1000: 1000} {
		least, most := time.Hour, time.Duration(0)
		for range 20_000 {
			d := jitter.Delay(n, 10, 1000)
			least, most = min(least, d), max(most, d)
		}
		require.LessOrEqual(t, most, bound, n)
		require.GreaterOrEqual(t, most, bound*9/10, n)
		require.LessOrEqual(t, least, bound/10, n)
	}
	require.Zero(t, jitter.Delay(1, 0, 0))
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Now()
		require.NoError(t, jitter.Wait(t.Context(), time.Minute))
		require.Equal(t, time.Minute, time.Since(at))
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		time.AfterFunc(time.Second, func() { cancel(enough) })
		require.ErrorIs(t, jitter.Wait(ctx, time.Hour), enough)
		require.Equal(t, time.Minute+time.Second, time.Since(at))
	})
}
