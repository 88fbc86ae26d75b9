package driver_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/ufs/driver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func parse(t testing.TB, raw string) *url.URL {
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u
}

func TestQueryKnown(t *testing.T) {
	q, err := driver.Query(parse(t, "s://b/p?region=eu&kms_key=id"), "region", "kms_key", "endpoint")
	require.NoError(t, err, "a known option may look like anything")
	require.Equal(t, "eu", q.Get("region"))
	require.Equal(t, "", q.Get("endpoint"))
}

func TestQueryRefuses(t *testing.T) {
	for raw, say := range map[string]string{
		"s://b?regoin=eu":                             `unknown option "regoin" (have region)`,
		"s://b?region=a&region=b":                     `"region" is given twice`,
		"s://b?secret_key=hunter2":                    `"secret_key" looks like a secret; name credentials by reference`,
		"s://b?SharedKey=hunter2":                     "looks like a secret",
		"s://b?sig=hunter2":                           "looks like a secret",
		"s://b?password=hunter2":                      "looks like a secret",
		"s://me:hunter2@b":                            "a password before the host; name credentials by reference",
		"s://b?region=https%3A%2F%2Fme%3Ahunter2%40h": `"region" is a URL with a user`,
		"s://b?a=hunter2;b=hunter2":                   "not name=value",
	} {
		_, err := driver.Query(parse(t, raw), "region")
		require.ErrorIs(t, err, driver.ErrInvalid, raw)
		require.ErrorContains(t, err, say, raw)
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err := driver.Query(parse(t, "s://b?one=1&two=2&token=3"))
	for _, name := range []string{"one", "two", "token"} {
		require.ErrorContains(t, err, `"`+name+`"`, "all that is wrong at once")
	}
	require.ErrorContains(t, err, `"one" (have none)`)
}

func TestShown(t *testing.T) {
	require.Equal(t, "s://host:1/p", driver.Shown(parse(t, "s://me:hunter2@host:1/p?secret=hunter2")))
	require.Equal(t, "mem:x", driver.Shown(parse(t, "mem:x")))
	require.Equal(t, "s:...@host/p", driver.Shown(parse(t, "s:me:hunter2@host/p")))
	require.NotContains(t, driver.Shown(parse(t, "s://me:12/hunter2@host/p")), "12", "a password with a slash in it")
}
