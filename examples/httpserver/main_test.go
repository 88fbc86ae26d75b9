package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a%41#b c")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hello.txt"), []byte("hello, mill"), 0o600))
	ctx, stop := context.WithCancel(t.Context())
	addr, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- serve(ctx, "127.0.0.1:0", dir, func(a string) { addr <- a }) }()
	var base string
	select {
	case a := <-addr:
		base = "http://" + a
	case err := <-ended:
		require.FailNow(t, "it did not serve", "%v", err)
	}

	get := func(path, ranges string) (int, string) {
		req, err := http.NewRequest(http.MethodGet, base+path, nil)
		require.NoError(t, err)
		req.Close = true
		if ranges != "" {
			req.Header.Set("Range", ranges)
		}
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(body)
	}
	code, body := get("/hello.txt", "")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "hello, mill", body)
	code, body = get("/hello.txt", "bytes=7-10")
	require.Equal(t, http.StatusPartialContent, code)
	require.Equal(t, "mill", body)
	code, body = get("/", "")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "hello.txt")
	code, _ = get("/missing", "")
	require.Equal(t, http.StatusNotFound, code)

	stop()
	require.NoError(t, <-ended)
}

func TestServeMissingDirectory(t *testing.T) {
	err := serve(t.Context(), "127.0.0.1:0", filepath.Join(t.TempDir(), "nowhere"), func(string) {})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestArguments: what is wrong is said in one line.
func TestArguments(t *testing.T) {
	listen, dir, err := parse([]string{"-listen", ":1", "some"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, [2]string{":1", "some"}, [2]string{listen, dir})
	for _, wrong := range [][]string{{"-nonsense"}, {"one", "two"}} {
		var out bytes.Buffer
		_, _, err = parse(wrong, &out)
		require.ErrorContains(t, err, "(-help shows the flags)")
		require.NotContains(t, err.Error(), "\n")
		require.Empty(t, out.String())
	}
	var out bytes.Buffer
	_, _, err = parse([]string{"-h"}, &out)
	require.ErrorIs(t, err, flag.ErrHelp)
	require.Contains(t, out.String(), "-listen")
}
