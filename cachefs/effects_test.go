package cachefs_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
)

// Who waits for what was asked of the tiers waits for that, not for what comes after it.
func TestWaitForEffectsSoFar(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		e := cachefs.NewEffects()
		waits := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return e.Wait(ctx)
		}
		require.NoError(t, waits(), "nothing was asked for")
		e.Add()
		require.ErrorIs(t, waits(), context.DeadlineExceeded, "it is queued")
		require.Equal(t, 1, e.Depth())
		e.Take()
		require.Zero(t, e.Depth())
		require.ErrorIs(t, waits(), context.DeadlineExceeded, "it is worked on")
		ended := make(chan error, 1)
		go func() { ended <- waits() }()
		synctest.Wait()
		e.Add()
		e.Rest()
		require.NoError(t, <-ended, "what was asked for first is done")
		require.ErrorIs(t, waits(), context.DeadlineExceeded, "the second is not")
		e.Take()
		e.Rest()
		require.NoError(t, waits())
	})
}
