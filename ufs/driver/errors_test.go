package driver_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs/driver"
)

func TestNotOfStore(t *testing.T) {
	for _, err := range []error{fs.ErrNotExist, fs.ErrExist} {
		err = fmt.Errorf("read the token: %w", err)
		got := driver.NotOfStore(err)
		require.EqualError(t, got, err.Error())
		require.NotErrorIs(t, got, fs.ErrNotExist)
		require.NotErrorIs(t, got, fs.ErrExist)
	}
	other := errors.New("reset by peer")
	require.Same(t, other, driver.NotOfStore(other))
	require.NoError(t, driver.NotOfStore(nil))
}

func TestNotAgain(t *testing.T) {
	got := driver.NotAgain(fmt.Errorf("part 3: %w", &driver.Retryable{Err: errors.New("slow down")}))
	require.ErrorIs(t, got, driver.ErrUnavailable)
	require.ErrorContains(t, got, "part 3: slow down")
	_, again := errors.AsType[*driver.Retryable](got)
	require.False(t, again)
	lost := &driver.Unknown{Err: &driver.Retryable{Err: errors.New("slow down")}}
	require.Same(t, lost, driver.NotAgain(lost), "nobody makes that again")
	require.Same(t, fs.ErrExist, driver.NotAgain(fs.ErrExist))
	require.NoError(t, driver.NotAgain(nil))
}
