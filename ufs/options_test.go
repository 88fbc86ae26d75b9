package ufs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
)

// closing is a driver that tells that it was closed.
type closing struct {
	*memufs.Store
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestOptionsAllThatIsWrong(t *testing.T) {
	d := &closing{Store: memufs.New(nil)}
	_, err := ufs.New(d, "mem://x", &ufs.Options{
		MaxCalls: -1, MaxBytes: -2, Attempts: -3, BaseDelay: 3 * time.Second, MaxDelay: 2 * time.Second, AttemptTimeout: -4, CommitTimeout: -5,
		BreakerFailures: -6, BreakerDelay: 5 * time.Second, BreakerMaxDelay: 4 * time.Second,
	})
	require.ErrorIs(t, err, driver.ErrInvalid)
	for _, say := range []string{
		"mem://x", "Options.MaxCalls is -1; want 0 (the default, 64) or more", "Options.MaxBytes is -2", "Options.Attempts is -3",
		"Options.MaxDelay is 2s; want at least BaseDelay, 3s", "Options.AttemptTimeout is -4ns", "Options.CommitTimeout is -5ns",
		"Options.BreakerFailures is -6", "Options.BreakerMaxDelay is 4s; want at least BreakerDelay, 5s",
	} {
		require.ErrorContains(t, err, say)
	}
	require.True(t, d.closed, "the driver of no Store")
}

func TestOptionsZero(t *testing.T) {
	require.NoError(t, ufs.Options{}.Check())
	require.NoError(t, ufs.Options{BaseDelay: time.Minute, BreakerDelay: time.Hour}.Check(), "the limit of a default follows")
}
