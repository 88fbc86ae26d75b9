package cachefstest

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
)

// Stall is for the tests of a remote driver of this repository, whose fault proxy it takes: the store behind the proxy p, which
// open opens a fresh place of, with the options that it is given, does not answer any more and opens its breaker. Cached data and the
// mount of other, a fresh place that does not go through p, do not notice; when the store answers again, the breaker closes by itself.
func Stall(t *testing.T, p *faultproxy.Proxy, open func(*ufs.Options) *ufs.Store, other *ufs.Store) {
	t.Helper()
	slow := open(&ufs.Options{
		Attempts: 1, AttemptTimeout: time.Second, BreakerFailures: 3, BreakerDelay: time.Second, BreakerMaxDelay: time.Second, DisableHedge: true,
	})
	want := bytes.Repeat([]byte("stall"), 200)
	for key, s := range map[string]*ufs.Store{"cached": slow, "cold": slow, "f": other} {
		w, err := s.Create(t.Context(), key, ufs.CreateOptions{})
		require.NoError(t, err)
		_, err = w.Write(want)
		require.NoError(t, err)
		_, err = w.Commit(t.Context())
		require.NoError(t, err)
	}
	n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/slow", Store: slow}, {Path: "/fast", Store: other}}})
	require.NoError(t, err)
	defer n.Close()
	_, err = n.Stat(t.Context(), "/slow/cold", nil)
	require.NoError(t, err)
	read := func(path string) error { return holds(t.Context(), n, path, want) }
	require.NoError(t, read("/slow/cached"))

	p.Reset()
	p.On(faultproxy.Rule{Fault: faultproxy.Silence()})
	for range 3 {
		require.Error(t, read("/slow/cold"))
	}
	asked := total(p)
	require.ErrorIs(t, read("/slow/cold"), ufs.ErrUnavailable)
	require.Equal(t, 3, asked)
	require.Equal(t, asked, total(p), "an open breaker asks nothing")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, holds(ctx, n, "/slow/cached", want))
	require.NoError(t, holds(ctx, n, "/fast/f", want))
	require.EqualValues(t, 1, n.Metrics().Stores["/slow"].BreakerOpens)

	p.Reset()
	require.Eventually(t, func() bool { return read("/slow/cold") == nil }, 20*time.Second, 10*time.Millisecond, "it closes by itself")
}

// total counts the requests of all kinds.
func total(p *faultproxy.Proxy) (n int) {
	for _, c := range p.Counts() {
		n += c
	}
	return n
}
