package faultproxy_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
)

// tcpStand answers a megabyte behind a TCP proxy; the client makes a connection for each request.
func tcpStand(t *testing.T) (*faultproxy.TCP, func() (int, error)) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, strings.Repeat("x", 1<<20))
	}))
	t.Cleanup(server.Close)
	p, err := faultproxy.StartTCP(strings.TrimPrefix(server.URL, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 200 * time.Millisecond}
	return p, func() (int, error) {
		resp, err := client.Get("http://" + p.Addr())
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return len(b), err
	}
}

func TestTCPBreaksSomeConnections(t *testing.T) {
	for name, then := range map[string]faultproxy.ConnEnd{"reset": faultproxy.ConnReset, "stall": faultproxy.ConnStall} {
		t.Run(name, func(t *testing.T) {
			p, get := tcpStand(t)
			p.Break(faultproxy.ConnFault{After: 100_000, Delay: time.Millisecond, Then: then}, 1)
			n, err := get()
			require.Error(t, err)
			require.Less(t, n, 100_000)
			n, err = get()
			require.NoError(t, err)
			require.Equal(t, 1<<20, n)
			require.Equal(t, 2, p.Connections())
		})
	}
}

func TestTCPDownAndUp(t *testing.T) {
	p, get := tcpStand(t)
	p.Down()
	_, err := get()
	require.Error(t, err)
	p.Up()
	_, err = get()
	require.NoError(t, err)
	require.NoError(t, p.Close())
	require.NoError(t, p.Close(), "twice")
}
