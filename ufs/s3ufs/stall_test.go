package s3ufs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/s3ufs"
)

// TestServerStall: a store that does not answer any more opens its breaker. Cached data and the other mount do not
// notice; when it answers again, the breaker closes by itself.
func TestServerStall(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{UFS: &ufs.Options{
		Attempts: 1, AttemptTimeout: 200 * time.Millisecond, BreakerFailures: 3, BreakerDelay: 100 * time.Millisecond, BreakerMaxDelay: 100 * time.Millisecond, DisableHedge: true,
	}})
	other := place()
	n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{
		{Path: "/slow", Store: v.store}, {Path: "/fast", Store: v.open(t, other, s3ufs.Options{})},
	}})
	require.NoError(t, err)
	defer n.Close()
	for _, name := range []string{"cached", "cold"} {
		v.put(t, v.prefix+name, pattern(1000))
		_, err := n.Stat(t.Context(), "/slow/"+name, nil)
		require.NoError(t, err)
	}
	v.put(t, other+"f", pattern(1000))
	require.Equal(t, pattern(1000), read(t, n, "/slow/cached"))

	v.Reset()
	v.On(faultproxy.Rule{Fault: faultproxy.Silence()})
	for range 3 {
		require.Error(t, readCold(t, n))
	}
	require.ErrorIs(t, readCold(t, n), ufs.ErrUnavailable)
	require.Equal(t, requests{"get": 3}, v.Counts(), "an open breaker asks nothing")
	require.Equal(t, pattern(1000), read(t, n, "/slow/cached"))
	require.Equal(t, pattern(1000), read(t, n, "/fast/f"))
	require.EqualValues(t, 1, n.Metrics().Stores["/slow"].BreakerOpens)

	v.Reset()
	require.Eventually(t, func() bool { return readCold(t, n) == nil }, 20*time.Second, 10*time.Millisecond, "it closes by itself")
}

func readCold(t *testing.T, n *cachefs.Node) error {
	f, err := n.Open(t.Context(), "/slow/cold", nil)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.ReadAt(make([]byte, 1000), 0)
	return err
}
