package gcsufs_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/gcsufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

func TestURL(t *testing.T) {
	for raw, id := range map[string]string{
		"gs://box?anonymous=true":                                           "gs://box",
		"gs://box/a/b/?anonymous=1&reads=xml&user_project=me":               "gs://box/a/b",
		"gs://box/a%20b?anonymous=true&reads=json":                          "gs://box/a b",
		"gs://box/p?anonymous=true&endpoint=http://127.0.0.1:4443/":         "gs+http://127.0.0.1:4443/box/p",
		"gs://box/p?anonymous=true&endpoint=HTTP://H:80":                    "gs+http://h/box/p",
		"gs://box/p?anonymous=true&endpoint=https://h:443":                  "gs+https://h/box/p",
		"gs://box/p?anonymous=true&endpoint=https://storage.googleapis.com": "gs://box/p",
	} {
		s, err := ufs.Open(t.Context(), raw, nil)
		require.NoError(t, err, raw)
		require.Equal(t, id, s.ID(), raw)
		require.NoError(t, s.Close())
	}
}

func TestURLOptions(t *testing.T) {
	u, err := url.Parse("gs://box/p?reads=xml&user_project=me&endpoint=https://h&anonymous=1")
	require.NoError(t, err)
	bucket, prefix, o, err := gcsufs.Parse(u)
	require.NoError(t, err)
	require.Equal(t, "box", bucket)
	require.Equal(t, "/p", prefix)
	require.Equal(t, gcsufs.Options{XMLReads: true, UserProject: "me", Endpoint: "https://h", Anonymous: true}, o)
}

func TestURLRefused(t *testing.T) {
	ufstest.RefusedURLs(t, map[string]string{
		"gs:///prefix":                           "no bucket",
		"gs:box":                                 "no bucket",
		"gs://box:80/p":                          "no bucket",
		"gs://me@box":                            "no bucket",
		"gs://me:hunter2@box":                    "a password before the host",
		"gs://box?access_token=hunter2":          "name credentials by reference",
		"gs://box?key=hunter2":                   "name credentials by reference",
		"gs://box?credentials_json=hunter2":      "name credentials by reference",
		"gs://box?regoin=eu":                     "unknown option",
		"gs://box/a//b?anonymous=true":           "empty",
		"gs://me/a//hunter2@box":                 "empty",
		"gs://box/../b?anonymous=true":           "..",
		"gs://box?anonymous=maybe":               "want true or false",
		"gs://box?reads=grpc":                    "want json or xml",
		"gs://box?endpoint=http://127.0.0.1:1":   "credentials would be read on the way",
		"gs://box?endpoint=https://x/storage/v1": "a host alone",
		"gs://box?endpoint=x":                    "a host alone",
	})
}

// noCredentials keeps tests from those of the machine: a file that is not there is what the SDK takes first.
func noCredentials(t testing.TB) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", t.TempDir()+"/none.json")
}

func TestNoCredentials(t *testing.T) {
	noCredentials(t)
	_, err := gcsufs.Open(t.Context(), "box", "", nil)
	require.ErrorIs(t, err, driver.ErrPermission)
	require.ErrorContains(t, err, "GOOGLE_APPLICATION_CREDENTIALS")
}

func TestOptionsRefused(t *testing.T) {
	_, err := gcsufs.Open(t.Context(), "box", "", &gcsufs.Options{PartSize: 1000, Endpoint: "ftp://x", Anonymous: true, Client: http.DefaultClient})
	for _, say := range []string{"PartSize is 1000", "Endpoint is no", "more than one of"} {
		require.ErrorContains(t, err, say, "all that is wrong at once")
	}
}

// FuzzURL opens any URL: Open makes no request. An identity has no options.
func FuzzURL(f *testing.F) {
	noCredentials(f)
	for _, raw := range []string{"gs://box/a?anonymous=true", "gs://box/%2e%2e/?endpoint=http://h:1/&anonymous=1", "gs://[::1]/\x00?anonymous=t", "gs://u:p@box", "gs://b?reads=xml&anonymous=1&user_project=%3f"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if !strings.HasPrefix(raw, "gs:") {
			return
		}
		s, err := ufs.Open(context.Background(), raw, nil)
		if err != nil {
			return
		}
		require.True(t, strings.HasPrefix(s.ID(), "gs://") || strings.HasPrefix(s.ID(), "gs+http"), s.ID())
		require.False(t, strings.HasSuffix(s.ID(), "/"))
		require.NoError(t, s.Close())
	})
}
