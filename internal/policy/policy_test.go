package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func always(uint32) bool { return true }

func TestEvictTakesEachSlotOnce(t *testing.T) {
	p := policy.New(policy.Config{Capacity: 100, Shards: 4})
	for i := range uint32(100) {
		p.Add(uint64(i)*7919, i, 3)
	}
	require.Equal(t, uint64(300), p.Stats().Cost)
	seen := map[uint32]bool{}
	for range 100 {
		slot, ok := p.Evict(always)
		require.True(t, ok)
		require.False(t, seen[slot], "slot %d twice", slot)
		seen[slot] = true
	}
	_, ok := p.Evict(always)
	require.False(t, ok, "empty policy has no victim")
	require.Zero(t, p.Stats().Cost)
	require.Zero(t, p.Stats().Blocks)
}
