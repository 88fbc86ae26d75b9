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
