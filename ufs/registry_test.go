package ufs_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

func TestMain(m *testing.M) {
	ufs.Register("refusing", func(_ context.Context, u *url.URL) (driver.Store, string, error) {
		_, err := driver.Query(u, "region", "endpoint")
		return nil, "", errors.Join(err, errors.New("no such bucket"))
	})
	ufs.RegisterParser("parsed", func(u *url.URL) (driver.Place, error) {
		_, err := driver.Query(u, "region", "endpoint")
		return driver.Place{Dir: "/of/this/machine", Open: func(context.Context) (driver.Store, string, error) {
			return nil, "", errors.New("no such bucket")
		}}, err
	})
	goleak.VerifyTestMain(m)
}

// TestNoSecretInErrors opens URLs that hold a secret where none belongs.
func TestNoSecretInErrors(t *testing.T) {
	for _, raw := range []string{
		"refusing://bucket/p?secret_key=hunter2",
		"refusing://me:hunter2@bucket/p",
		"refusing://me:hunter2/x@bucket/p",
		"refusing://bucket/%zz?secret=hunter2",
		"nowhere://me:hunter2@bucket",
	} {
		_, err := ufs.Open(t.Context(), raw, nil)
		require.Error(t, err, raw)
		require.NotContains(t, err.Error(), "hunter2")
		require.Contains(t, err.Error(), raw[:7], "the scheme is told")
	}
	_, err := ufs.Open(t.Context(), "refusing://bucket/%zz", nil)
	require.ErrorContains(t, err, `"%zz"`, "what is wrong is told where it can be no secret")
}

// What a driver refuses of a URL is known before its place is opened, and the rest then.
func TestCheckURLAsksTheDriver(t *testing.T) {
	const good = "parsed://bucket/p?region=x"
	require.NoError(t, ufs.CheckURL(good))
	require.Equal(t, "/of/this/machine", ufs.LocalDir(good))
	_, err := ufs.Open(t.Context(), good, nil)
	require.EqualError(t, err, `no under store at "parsed://bucket/p": no such bucket`)

	const bad = "parsed://me:hunter2@bucket/p?colour=red&secret=hunter2"
	err = ufs.CheckURL(bad)
	require.ErrorIs(t, err, driver.ErrInvalid)
	for _, says := range []string{`no under store at "parsed://bucket/p": `, "a password", `"colour"`, `"secret"`} {
		require.ErrorContains(t, err, says)
	}
	require.NotContains(t, err.Error(), "hunter2")
	require.Empty(t, ufs.LocalDir(bad))
	_, opened := ufs.Open(t.Context(), bad, nil)
	require.EqualError(t, opened, err.Error())

	require.NoError(t, ufs.CheckURL("refusing://bucket?colour=red"), "a driver that has registered no parser")
}

// What is behind a '#' would be left out of the place's name, and another place be read and written.
func TestNoFragmentInURL(t *testing.T) {
	for _, raw := range []string{"refusing://bucket/a#b", "refusing://bucket/a#", "refusing://bucket/a?region=x#b", "refusing://me:12#hunter2@bucket/a"} {
		err := ufs.CheckURL(raw)
		require.ErrorIs(t, err, driver.ErrInvalid, raw)
		require.ErrorContains(t, err, "%23", raw)
		require.NotContains(t, err.Error(), "hunter2")
	}
	require.NoError(t, ufs.CheckURL("refusing://bucket/a%23b"))
}

// A store that is elsewhere lies in no directory of this machine, and neither does what is no URL of a store.
func TestNoLocalDir(t *testing.T) {
	for _, raw := range []string{"refusing://bucket/p", "nowhere://bucket", "/data/in", "refusing://bucket/a#b"} {
		require.Empty(t, ufs.LocalDir(raw), raw)
	}
}

// An unknown scheme is mostly a driver that was not imported, and none at all a path.
func TestUnknownSchemeSaysWhatToDo(t *testing.T) {
	require.ErrorContains(t, ufs.CheckURL("nowhere://bucket"), "import the driver")
	for scheme, driver := range map[string]string{"azblob": "azufs", "gs": "gcsufs", "hdfs": "hdfsufs", "https": "httpufs", "s3": "s3ufs", "swift": "swiftufs"} {
		require.ErrorContains(t, ufs.CheckURL(scheme+"://bucket"), `import its driver, _ "github.com/millpond/millpond/ufs/`+driver+`"`)
	}
	err := ufs.CheckURL("/data/in")
	require.ErrorContains(t, err, "file:///data/in")
	require.NotContains(t, err.Error(), "import the driver")
}

// FuzzURL: whatever a URL looks like, opening it neither panics nor shows the secret in it.
func FuzzURL(f *testing.F) {
	f.Add("refusing", "me", "bucket", "/p", "region=a")
	f.Add("refusing", "", "bucket:80", "/%zz", "endpoint=http%3A%2F%2Fh")
	f.Add("parsed", "me", "bucket", "/p", "region=a")
	f.Add("nowhere", "me", "[::1]", "//", "a=1;b=2")
	f.Add("", "a:b", "\x7f", "?", "&&=")
	f.Fuzz(func(t *testing.T, scheme, user, host, path, options string) {
		const secret = "hunter2-hunter2"
		for _, raw := range []string{
			scheme + "://" + user + ":" + secret + "@" + host + path + "?" + options,
			scheme + "://" + host + path + "?" + options + "&secret_key=" + secret,
			scheme + "://" + host + path + "?sig=" + secret + "&" + options,
			scheme + "://" + host + path + "?endpoint=https%3A%2F%2Fme%3A" + secret + "%40h&" + options,
		} {
			if strings.ContainsAny(host+path, "#?") || strings.ContainsAny(user, "/#?@") {
				continue // what comes after is no option, and no user, any more
			}
			_, err := ufs.Open(t.Context(), raw, nil)
			require.Error(t, err, raw)
			require.NotContains(t, err.Error(), secret, raw)
			if err := ufs.CheckURL(raw); err != nil {
				require.NotContains(t, err.Error(), secret, raw)
			}
		}
	})
}
