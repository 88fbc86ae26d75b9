package ufstest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// Secret stands in the URLs of RefusedURLs where people write secrets.
const Secret = "hunter2"

// RefusedURLs asserts that a driver refuses each URL before anything is opened, with the words beside it: [ufs.CheckURL] and
// [ufs.Open] say the same, it is driver.ErrInvalid, and Secret is not shown.
func RefusedURLs(tb testing.TB, urls map[string]string) {
	tb.Helper()
	for raw, says := range urls {
		err := ufs.CheckURL(raw)
		require.ErrorIs(tb, err, driver.ErrInvalid, raw)
		require.ErrorContains(tb, err, says, raw)
		require.NotContains(tb, err.Error(), Secret, raw)
		_, opened := ufs.Open(tb.Context(), raw, nil)
		require.EqualError(tb, opened, err.Error(), "Open says of %s what CheckURL says", raw)
	}
}
