package hdfsufs_test

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/hdfsufs"
)

// TestServerNameNodeGone: NameNodes that are down, or do not answer any more, open the breaker. Cached data and the other
// mount do not notice; when they are back, the breaker closes by itself.
func TestServerNameNodeGone(t *testing.T) {
	for name, f := range map[string]struct{ gone, back func(v *trouble) }{
		"down":  {func(v *trouble) { v.names.Down() }, func(v *trouble) { v.names.Up() }},
		"stall": {func(v *trouble) { v.fresh(faultproxy.ConnFault{Then: faultproxy.ConnStall}, 0) }, func(v *trouble) { v.fresh(faultproxy.ConnFault{}, 0) }},
	} {
		t.Run(name, func(t *testing.T) { nameNodeGone(t, f.gone, f.back) })
	}
}

func nameNodeGone(t *testing.T, gone, back func(v *trouble)) {
	v := newTrouble(t, &ufs.Options{
		Attempts: 1, AttemptTimeout: time.Second, BreakerFailures: 3, BreakerDelay: time.Second, BreakerMaxDelay: time.Second,
	})
	other := v.place(t)
	n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{
		{Path: "/slow", Store: v.store}, {Path: "/fast", Store: v.open(t, other, hdfsufs.Options{})},
	}})
	require.NoError(t, err)
	defer n.Close()
	for _, name := range []string{"cached", "cold"} {
		v.put(t, v.dir+"/"+name, pattern(1000))
		_, err := n.Stat(t.Context(), "/slow/"+name, nil)
		require.NoError(t, err)
	}
	v.put(t, other+"/f", pattern(1000))
	require.Equal(t, pattern(1000), read(t, n, "/slow/cached"))

	gone(v)
	for range 3 {
		require.Error(t, readCold(t, n))
	}
	before := v.names.Connections()
	require.ErrorIs(t, readCold(t, n), ufs.ErrUnavailable)
	require.Equal(t, before, v.names.Connections(), "an open breaker asks nobody")
	require.Equal(t, pattern(1000), read(t, n, "/slow/cached"))
	require.Equal(t, pattern(1000), read(t, n, "/fast/f"))
	require.EqualValues(t, 1, n.Metrics().Stores["/slow"].BreakerOpens)

	back(v)
	require.Eventually(t, func() bool { return readCold(t, n) == nil }, 20*time.Second, 10*time.Millisecond, "it closes by itself")
}

func read(t *testing.T, n *cachefs.Node, path string) []byte {
	f, err := n.Open(t.Context(), path, nil)
	require.NoError(t, err)
	defer f.Close()
	data, err := io.ReadAll(f)
	require.NoError(t, err)
	return data
}

func readCold(t *testing.T, n *cachefs.Node) error {
	f, err := n.Open(t.Context(), "/slow/cold", nil)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.ReadAt(make([]byte, 1000), 0)
	return err
}
