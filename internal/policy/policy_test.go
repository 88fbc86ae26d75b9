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

// What was refused is found again once it may go, however many others may not.
func TestEvictFindsTheOneThatWasReleased(t *testing.T) {
	p := policy.New(policy.Config{Capacity: 100})
	for i := range uint32(100) {
		p.Add(uint64(i), i, 1)
	}
	_, ok := p.Evict(func(uint32) bool { return false })
	require.False(t, ok)
	for want := range uint32(100) {
		slot, ok := p.Evict(func(slot uint32) bool { return slot == want })
		require.True(t, ok, "slot %d", want)
		require.Equal(t, want, slot)
	}
}
