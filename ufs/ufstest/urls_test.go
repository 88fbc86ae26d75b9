package ufstest_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/redtest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/ufstest"
)

func init() {
	ufs.RegisterParser("strict", func(u *url.URL) (driver.Place, error) {
		_, err := driver.Query(u)
		return driver.Place{}, err
	})
	ufs.Register("late", func(_ context.Context, u *url.URL) (driver.Store, string, error) {
		_, err := driver.Query(u)
		return nil, "", err
	})
	ufs.RegisterParser("unnamed", func(*url.URL) (driver.Place, error) {
		return driver.Place{}, errors.New("unknown option")
	})
	ufs.RegisterParser("telling", func(u *url.URL) (driver.Place, error) {
		return driver.Place{}, fmt.Errorf("%w: unknown option %q", driver.ErrInvalid, u.RawQuery)
	})
}

// RefusedURLs is red over a driver that says nothing before it opens, that says nothing of what is wrong, or too much.
func TestRefusedURLsSeesBrokenDrivers(t *testing.T) {
	for scheme, broken := range map[string]bool{"strict": false, "late": true, "unnamed": true, "telling": true} {
		failed, _, said := redtest.Record(t, func(tb testing.TB) {
			ufstest.RefusedURLs(tb, map[string]string{scheme + "://box?colour=" + ufstest.Secret: "unknown option"})
		})
		require.Equal(t, broken, failed, "%s: %v", scheme, said)
	}
	failed, _, _ := redtest.Record(t, func(tb testing.TB) {
		ufstest.RefusedURLs(tb, map[string]string{"strict://box?colour=red": "another word"})
	})
	require.True(t, failed)
}
