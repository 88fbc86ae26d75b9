package faultproxy_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
)

// tcpStand answers a megabyte behind a TCP proxy; the client makes a connection for each request.
func tcpStand(t *testing.T) (p *faultproxy.TCP, get func(patience time.Duration) (int, error)) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, strings.Repeat("x", 1<<20))
	}))
	t.Cleanup(server.Close)
	p, err := faultproxy.StartTCP(strings.TrimPrefix(server.URL, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return p, func(patience time.Duration) (int, error) {
		client.Timeout = patience
		resp, err := client.Get("http://" + p.Addr())
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return len(b), err
	}
}

// patient is longer than a busy machine takes for a megabyte.
const patient = time.Minute

func TestTCPBreaksSomeConnections(t *testing.T) {
	for name, end := range map[string]struct {
		then     faultproxy.ConnEnd
		patience time.Duration // of the client whose connection ends so
	}{"reset": {faultproxy.ConnReset, patient}, "stall": {faultproxy.ConnStall, 200 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			p, get := tcpStand(t)
			p.Break(faultproxy.ConnFault{After: 100_000, Delay: time.Millisecond, Then: end.then}, 1)
			n, err := get(end.patience)
			require.Error(t, err)
			require.Less(t, n, 100_000)
			n, err = get(patient)
			require.NoError(t, err)
			require.Equal(t, 1<<20, n)
			require.Equal(t, 2, p.Connections())
		})
	}
}

func TestTCPFlipsABit(t *testing.T) {
	p, _ := tcpStand(t)
	for _, flip := range []int64{0, 1, 70_000} { // the last is past the first piece that is read
		p.Break(faultproxy.ConnFault{Flip: flip}, 1)
		c, err := net.Dial("tcp", p.Addr())
		require.NoError(t, err)
		_, err = io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
		require.NoError(t, err)
		got, err := io.ReadAll(c)
		require.NoError(t, err)
		require.NoError(t, c.Close())
		require.Equal(t, flip == 1, got[0] == 'H'^1)
		require.Equal(t, flip == 70_000, got[70_000-1] == 'x'^1)
		require.Equal(t, byte('x'), got[70_000])
	}
}

func TestTCPDownAndUp(t *testing.T) {
	p, get := tcpStand(t)
	p.Down()
	_, err := get(patient)
	require.Error(t, err)
	p.Up()
	_, err = get(patient)
	require.NoError(t, err)
	require.NoError(t, p.Close())
	require.NoError(t, p.Close(), "twice")
}
