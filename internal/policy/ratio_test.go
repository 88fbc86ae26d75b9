package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/policy/policytest"
	"github.com/millpond/millpond/internal/racetest"
)

// A loop of 1.2 times the capacity hits, where LRU never does; and blocks used three times within
// half the capacity and then never hit as with LRU, at any number of shards.
func TestRatioLoopAndRecent(t *testing.T) {
	racetest.Skip(t)
	const capacity, n = 5_000, 500_000
	var loop, recent []uint32
	for i := range uint32(n) {
		loop = append(loop, i%(capacity*6/5))
	}
	for i := 0; len(recent) < n; i++ {
		for _, back := range []int{0, capacity / 4, capacity / 2} {
			if i >= back {
				recent = append(recent, uint32(i-back))
			}
		}
	}
	lru := policytest.Ratio(policytest.NewLRU(capacity), recent)
	require.Zero(t, policytest.Ratio(policytest.NewLRU(capacity), loop))
	for _, shards := range []int{1, 16, 64} {
		require.Greater(t, policytest.Ratio(policytest.NewOurs(capacity, shards), loop), .65, "loop, %d shards", shards)
		require.Greater(t, policytest.Ratio(policytest.NewOurs(capacity, shards), recent), lru-.04, "recent, %d shards", shards)
	}
}
