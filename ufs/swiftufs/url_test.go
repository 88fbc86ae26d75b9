package swiftufs_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ncw/swift/v2"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/swiftufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

func TestURLRefused(t *testing.T) {
	ufstest.RefusedURLs(t, map[string]string{
		"swift:///prefix":                "no container",
		"swift:box":                      "no container",
		"swift://me@box":                 "no container",
		"swift://me:hunter2@box":         "a password before the host",
		"swift://box?key=hunter2":        "name credentials by reference",
		"swift://box?auth_token=hunter2": "name credentials by reference",
		"swift://box?region=eu":          "unknown option",
		"swift://box/../b":               "..",
	})
	_, err := swiftufs.Open(t.Context(), "box", "", &swiftufs.Options{PartSize: 1, InFlight: -1})
	for _, say := range []string{"PartSize is 1", "InFlight is -1"} {
		require.ErrorContains(t, err, say, "all that is wrong at once")
	}
}

// The account's address has one spelling, whatever the service says.
func TestPlaceHasOneName(t *testing.T) {
	for address, id := range map[string]string{
		"http://swift:8080/v1/me":               "swift://swift:8080/v1/me/box/p",
		"HTTPS://Swift.Example:443/v1/AUTH_me/": "swift://swift.example/v1/AUTH_me/box/p",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Storage-Url", address)
			w.Header().Set("X-Auth-Token", "token")
		}))
		s, err := swiftufs.Open(t.Context(), "box", "/p/", &swiftufs.Options{Connect: func(c *swift.Connection) error {
			c.UserName, c.ApiKey, c.AuthUrl, c.AuthVersion = "me", "key", srv.URL, 1
			return nil
		}})
		srv.Close()
		require.NoError(t, err)
		require.Equal(t, id, s.ID())
		require.NoError(t, s.Close())
	}
}

// Who has set nothing, or an address that does not tell its version, is told what to set.
func TestNowhereToLogIn(t *testing.T) {
	for _, name := range []string{"ST_AUTH", "OS_AUTH_URL", "ST_AUTH_VERSION"} {
		t.Setenv(name, "")
	}
	_, err := swiftufs.Open(t.Context(), "box", "", nil)
	require.ErrorIs(t, err, driver.ErrInvalid)
	require.ErrorContains(t, err, "OS_AUTH_URL")
	t.Setenv("ST_AUTH", "http://127.0.0.1:1/login")
	_, err = swiftufs.Open(t.Context(), "box", "", nil)
	require.ErrorIs(t, err, driver.ErrInvalid)
	require.ErrorContains(t, err, "ST_AUTH_VERSION")
}

// FuzzURL opens any URL where nobody can log in.
func FuzzURL(f *testing.F) {
	for _, raw := range []string{"swift://box/a", "swift://box/%2e%2e/", "swift://[::1]/\x00", "swift://u:p@box?x=y"} {
		f.Add(raw)
	}
	f.Setenv("ST_AUTH", "")
	f.Setenv("OS_AUTH_URL", "")
	f.Setenv("ST_KEY", "hunter2")
	f.Fuzz(func(t *testing.T, raw string) {
		if !strings.HasPrefix(raw, "swift:") || strings.Contains(raw, "hunter2") {
			return
		}
		_, err := ufs.Open(context.Background(), raw, nil)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
	})
}

// told opens a store on a service that logs in anybody and gives one status to everything else.
func told(t *testing.T, status int) *ufs.Store {
	var srv *httptest.Server
	srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auth" {
			w.Header().Set("X-Storage-Url", srv.URL+"/v1/me")
			w.Header().Set("X-Auth-Token", "hunter2")
			return
		}
		if r.Method == http.MethodHead && status != http.StatusForbidden { // nothing to overwrite
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(srv.Close)
	s, err := swiftufs.Open(t.Context(), "box", "p", &swiftufs.Options{UFS: &ufs.Options{Attempts: 1}, Connect: func(c *swift.Connection) error {
		c.UserName, c.ApiKey, c.AuthUrl, c.AuthVersion = "me", "hunter2", srv.URL+"/auth", 1
		return nil
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.Equal(t, "swift://"+strings.TrimPrefix(srv.URL, "http://")+"/v1/me/box/p", s.ID())
	return s
}

// TestErrors is the table of the package's description.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		status           int
		read, make       error // of a read with a version, of a create
		unknown, waiting bool
	}{
		{404, driver.ErrChanged, driver.ErrInvalid, false, false},
		{412, driver.ErrChanged, driver.ErrExist, false, false},
		{403, driver.ErrPermission, driver.ErrPermission, false, false},
		{400, driver.ErrInvalid, driver.ErrInvalid, false, false},
		{409, nil, nil, false, false},
		{500, nil, nil, true, false},
		{503, nil, nil, true, true},
	} {
		s := told(t, c.status)
		_, _, err := s.Open(t.Context(), "f", 0, -1, "7")
		isOnly(t, err, c.read)
		_, waiting := errors.AsType[*driver.Retryable](err)
		require.Equal(t, c.waiting, waiting, "%v", err)
		w, err := s.Create(t.Context(), "f", ufs.CreateOptions{})
		require.NoError(t, err)
		_, err = w.Commit(t.Context())
		isOnly(t, err, c.make)
		_, unknown := errors.AsType[*driver.Unknown](err)
		require.Equal(t, c.unknown, unknown, "%v", err)
	}
}

// Where people log in may be gone: what they were to see is not.
func TestLogInIsNoMissingObject(t *testing.T) {
	var srv *httptest.Server
	logins := 0
	srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/auth":
			w.WriteHeader(http.StatusUnauthorized) // the token has ended
		case logins > 0:
			w.WriteHeader(http.StatusNotFound)
		default:
			logins++
			w.Header().Set("X-Storage-Url", srv.URL+"/v1/me")
			w.Header().Set("X-Auth-Token", "hunter2")
		}
	}))
	t.Cleanup(srv.Close)
	s, err := swiftufs.Open(t.Context(), "box", "p", &swiftufs.Options{UFS: &ufs.Options{Attempts: 1}, Connect: func(c *swift.Connection) error {
		c.UserName, c.ApiKey, c.AuthUrl, c.AuthVersion = "me", "hunter2", srv.URL+"/auth", 1
		return nil
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Stat(t.Context(), "f")
	isOnly(t, err, nil)
	_, _, err = s.Open(t.Context(), "f", 0, 1, "")
	isOnly(t, err, nil)
}

// isOnly asserts that err has one condition and no other, none for nil, and no credentials.
func isOnly(t *testing.T, err, want error) {
	t.Helper()
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
	for _, e := range []error{driver.ErrNotExist, driver.ErrExist, driver.ErrChanged, driver.ErrPermission, driver.ErrInvalid} {
		require.Equal(t, e == want, errors.Is(err, e), "%v is %v", err, e)
	}
}
