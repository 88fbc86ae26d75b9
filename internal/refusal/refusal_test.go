package refusal_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/refusal"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func TestRetryAfter(t *testing.T) {
	date := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(d time.Duration) string { return date.Add(d).Format(http.TimeFormat) }
	for _, c := range []struct {
		after string
		want  time.Duration
	}{
		{"", 0},
		{"7", 7 * time.Second},
		{" 7 ", 7 * time.Second},
		{"0", 0},
		{"-7", 0},
		{"soon", 0},
		{"9999999999999", 0}, // no more than what a duration holds
		{at(time.Minute), time.Minute},
		{at(-time.Minute), 0},
	} {
		require.Equal(t, c.want, refusal.RetryAfter(header("Retry-After", c.after, "Date", at(0))), c.after)
	}
	h := header("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
	require.InDelta(t, time.Hour, refusal.RetryAfter(h), float64(time.Minute), "by our clock where the server has none")
}

func TestClock(t *testing.T) {
	now := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	says := func(ahead time.Duration) http.Header { return header("Date", now.Add(ahead).Format(http.TimeFormat)) }
	for _, ahead := range []time.Duration{0, time.Minute, -time.Minute} {
		require.Empty(t, refusal.ClockText(says(ahead), now, time.Minute))
	}
	require.Equal(t, " (this machine's clock is 2m0s off the server's)", refusal.ClockText(says(-2*time.Minute), now, time.Minute))
	require.Equal(t, " (this machine's clock is -2m0s off the server's)", refusal.ClockText(says(2*time.Minute), now, time.Minute))
	require.Empty(t, refusal.ClockText(header(), now, time.Minute), "it may not say")
}

func TestChanged(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	require.NoError(t, refusal.Changed(ctx, nil))
	for _, refused := range []error{
		driver.ErrNotExist, driver.ErrExist, driver.ErrChanged, driver.ErrInvalid, driver.ErrPermission, driver.ErrNotEmpty, objects.ErrRange,
		&driver.Retryable{Err: errors.New("later")}, &refusal.Failure{Status: 409, Text: "a lease"},
	} {
		err := fmt.Errorf("told: %w", refused)
		require.Equal(t, err, refusal.Changed(ctx, err))
	}
	why := errors.New("given up")
	cancel(why)
	for _, err := range []error{errors.New("cut"), &refusal.Failure{Status: 500, Text: "oops"}, driver.ErrUnavailable} {
		got, unknown := errors.AsType[*driver.Unknown](refusal.Changed(ctx, err))
		require.True(t, unknown, "%v", err)
		require.ErrorIs(t, got, err)
		require.ErrorIs(t, got, why, "what ended the call is part of it")
	}
}
