//go:build linux && !race

package tier_test

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/memtest"
	"github.com/millpond/millpond/tier"
)

// settledResident is Resident when what other tests left has gone: cleanups run a while after the collection that found them.
func settledResident(t *testing.T) int64 {
	last := memtest.Resident(t)
	for {
		debug.FreeOSMemory()
		now := memtest.Resident(t)
		if last-now < mib {
			return now
		}
		last = now
	}
}

// What a closed store had in memory goes back to the system at once, though the store is still in somebody's hands.
func TestCloseGivesMemoryBack(t *testing.T) {
	const size = 64 * mib
	before := settledResident(t)
	s, err := tier.Open(t.Context(), tier.Options{BlockSize: mib}, memory(size))
	require.NoError(t, err)
	for i := range size / mib / 2 {
		require.NoError(t, s.Put(t.Context(), id(i), body(i, mib), tier.PutOptions{}))
	}
	require.Greater(t, memtest.Resident(t)-before, int64(size/4))
	require.NoError(t, s.Close(t.Context()))
	require.Less(t, memtest.Resident(t)-before, int64(size/4))
	runtime.KeepAlive(s)
}
