package azufs_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/azufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/ufstest"
)

// offline is a client for tests that need no server: each request gets the answer that f makes.
func offline(f func(r *http.Request) *http.Response) *http.Client {
	return &http.Client{Transport: answerer(f)}
}

type answerer func(r *http.Request) *http.Response

func (f answerer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	return f(r), nil
}

// say makes an answer; code is Azure's.
func say(r *http.Request, status int, code string, header ...string) *http.Response {
	h := http.Header{"Content-Length": {"0"}}
	if code != "" {
		h.Set("x-ms-error-code", code)
	}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: h, Body: http.NoBody, Request: r}
}

func TestURLRefused(t *testing.T) {
	ufstest.RefusedURLs(t, map[string]string{
		"azblob:///prefix":                             "no container",
		"azblob:box":                                   "no container",
		"azblob://box:80/p?account=me":                 "no container",
		"azblob://me@box?account=me":                   "no container",
		"azblob://me:hunter2@box?account=me":           "a password before the host",
		"azblob://box?account=me&key=hunter2":          "name credentials by reference",
		"azblob://box?account=me&sig=hunter2":          "name credentials by reference",
		"azblob://box?acount=me":                       "unknown option",
		"azblob://box?account=me.example":              "Account is",
		"azblob://box/a//b?account=me":                 "empty",
		"azblob://box/../b?account=me":                 "..",
		"azblob://box?anonymous=maybe&account=me":      "want true or false",
		"azblob://box?endpoint=ftp://x":                "endpoint is no",
		"azblob://box?endpoint=http://u:hunter2@x":     "a URL with a user",
		"azblob://box?endpoint=http://x%3fsig=hunter2": "endpoint is no",
	})
}

// Without an account it may be in the environment of who opens it: that is no fault of the URL.
func TestNoAccount(t *testing.T) {
	clearEnvironment(t)
	require.NoError(t, ufs.CheckURL("azblob://box"))
	_, err := ufs.Open(t.Context(), "azblob://box", nil)
	require.ErrorIs(t, err, driver.ErrInvalid)
	require.ErrorContains(t, err, "no account: name it as account=, or in AZURE_STORAGE_ACCOUNT")
}

func TestIdentity(t *testing.T) {
	clearEnvironment(t)
	t.Setenv("AZURE_STORAGE_ACCOUNT", "fromenv")
	t.Setenv("AZURE_STORAGE_SAS_TOKEN", "?sv=1&sig=hunter2")
	client := offline(func(r *http.Request) *http.Response { return say(r, 200, "") })
	for _, c := range []struct {
		prefix string
		o      azufs.Options
		id     string
	}{
		{"", azufs.Options{}, "azblob://fromenv.blob.core.windows.net/box"},
		{"/a/b/", azufs.Options{}, "azblob://fromenv.blob.core.windows.net/box/a/b"},
		{"a b", azufs.Options{Account: "me"}, "azblob://me.blob.core.windows.net/box/a b"},
		{"", azufs.Options{Endpoint: "http://127.0.0.1:1/x"}, "azblob://127.0.0.1:1/x/box"},
		{"", azufs.Options{Endpoint: "HTTPS://Me.Blob.core.windows.net:443//"}, "azblob://me.blob.core.windows.net/box"},
		{"", azufs.Options{Endpoint: "http://[0::1]:80/x/"}, "azblob://[::1]/x/box"},
		{"", azufs.Options{Account: "me", Anonymous: true}, "azblob://me.blob.core.windows.net/box"},
	} {
		c.o.Client = client
		s, err := azufs.Open(t.Context(), "box", c.prefix, &c.o)
		require.NoError(t, err)
		require.Equal(t, c.id, s.ID())
		require.NoError(t, s.Close())
	}
}

func TestOptionsRefused(t *testing.T) {
	_, err := azufs.Open(t.Context(), "box", "", &azufs.Options{PartSize: 4 << 30, InFlight: -1, Anonymous: true, Credential: noToken{}})
	for _, say := range []string{"PartSize is 4294967296", "InFlight is -1", "more than one of"} {
		require.ErrorContains(t, err, say, "all that is wrong at once")
	}
}

func clearEnvironment(t testing.TB) {
	for _, name := range []string{"AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CONNECTION_STRING"} {
		t.Setenv(name, "")
	}
}

func TestConnectionString(t *testing.T) {
	clearEnvironment(t)
	t.Setenv("AZURE_STORAGE_CONNECTION_STRING", "DefaultEndpointsProtocol=https;AccountName=me;AccountKey=aHVudGVyMg==;EndpointSuffix=core.chinacloudapi.cn")
	var signed string
	client := offline(func(r *http.Request) *http.Response { signed = r.Header.Get("Authorization"); return say(r, 200, "") })
	s, err := azufs.Open(t.Context(), "box", "p", &azufs.Options{Client: client})
	require.NoError(t, err)
	require.Equal(t, "azblob://me.blob.core.chinacloudapi.cn/box/p", s.ID())
	require.Contains(t, signed, "SharedKey me:")

	t.Setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountKey=hunter2")
	_, err = azufs.Open(t.Context(), "box", "p", nil)
	require.ErrorContains(t, err, "AZURE_STORAGE_CONNECTION_STRING is no connection string")
	require.NotContains(t, err.Error(), "hunter2")
}

// FuzzURL opens any URL without a network: an error of the URL, or of the network that is not there.
func FuzzURL(f *testing.F) {
	clearEnvironment(f)
	f.Setenv("AZURE_STORAGE_KEY", "aHVudGVyMg==")
	for _, raw := range []string{"azblob://box/a?account=me", "azblob://box/%2e%2e/?endpoint=http://h:1/x", "azblob://[::1]/\x00?account=\xff", "azblob://u:p@box", "azblob://box?anonymous=1&account=%3f"} {
		f.Add(raw)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // no request leaves
	f.Fuzz(func(t *testing.T, raw string) {
		if !strings.HasPrefix(raw, "azblob:") {
			return
		}
		_, err := ufs.Open(ctx, raw, nil)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "aHVudGVyMg==")
	})
}
