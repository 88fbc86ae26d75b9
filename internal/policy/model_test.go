package policy_test

import (
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/millpond/millpond/internal/policy"
)

// counted is what a policy counts of a cost: the first 7 bits.
func counted(cost uint32) uint32 {
	low := max(bits.Len32(cost), 7) - 7
	return cost >> low << low
}

// Every slot that was added is resident until it is removed or evicted, held
// slots are never victims, and the costs add up.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := policy.New(policy.Config{
			Capacity: rapid.Uint64Range(0, 300).Draw(t, "capacity"),
			Shards:   rapid.IntRange(1, 5).Draw(t, "shards"),
		})
		cost, held := map[uint32]uint32{}, map[uint32]bool{}
		slots := rapid.Uint32Range(0, 40)
		may := func(slot uint32) bool { return !held[slot] }
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				slot, c := slots.Draw(t, "slot"), rapid.OneOf(rapid.Uint32Range(0, 20), rapid.Uint32()).Draw(t, "cost")
				p.AddWarm(rapid.Uint64().Draw(t, "key"), slot, c, rapid.IntRange(0, 20).Draw(t, "freq"))
				cost[slot] = counted(c)
			},
			"hit": func(t *rapid.T) { p.Hit(rapid.Uint32Range(0, 9000).Draw(t, "slot")) },
			"remove": func(t *rapid.T) {
				slot := slots.Draw(t, "slot")
				_, had := cost[slot]
				require.Equal(t, had, p.Remove(slot))
				delete(cost, slot)
			},
			"hold": func(t *rapid.T) { held[slots.Draw(t, "slot")] = true },
			"release": func(t *rapid.T) {
				slot := slots.Draw(t, "slot")
				delete(held, slot)
				p.Release(slot)
			},
			"resize": func(t *rapid.T) { p.Resize(rapid.Uint64Range(0, 300).Draw(t, "capacity")) },
			"evict": func(t *rapid.T) {
				free := 0
				for slot := range cost {
					if !held[slot] {
						free++
					}
				}
				slot, ok := p.Evict(may)
				require.Equal(t, free > 0, ok, "%d of %d may go", free, len(cost))
				if ok {
					require.Contains(t, cost, slot)
					require.False(t, held[slot], "held slot %d evicted", slot)
					delete(cost, slot)
				}
			},
			"": func(t *rapid.T) {
				sum, seen := uint64(0), map[uint32]bool{}
				for _, c := range cost {
					sum += uint64(c)
				}
				require.Equal(t, sum, p.Stats().Cost)
				require.Equal(t, len(cost), p.Stats().Blocks)
				for slot := range p.Hottest() {
					require.Contains(t, cost, slot)
					require.False(t, seen[slot], "slot %d yielded twice", slot)
					seen[slot] = true
				}
				require.Len(t, seen, len(cost))
			},
		})
	})
}
