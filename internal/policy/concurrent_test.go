package policy_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/policy"
)

// Each goroutine adds slots of its own and evicts anybody's; a slot is a victim
// once for each time it was added.
func TestConcurrent(t *testing.T) {
	const slots, workers, rounds = 512, 4, 20_000
	p := policy.New(policy.Config{Capacity: slots, Shards: 8})
	free := make(chan uint32, slots)
	for i := range uint32(slots) {
		free <- i
	}
	var out [slots]atomic.Bool // taken by an Add and not yet evicted
	var wg sync.WaitGroup
	for w := range uint32(workers) {
		wg.Go(func() {
			for i := range uint32(rounds) {
				p.Hit((i*7 + w) % slots)
				select {
				case slot := <-free:
					if out[slot].Swap(true) {
						t.Errorf("slot %d handed out twice", slot)
					}
					p.Add(uint64(w)<<32|uint64(i), slot, 1+i%9)
				default:
					if slot, ok := p.Evict(func(slot uint32) bool { return slot%17 != 0 || i%5 == 0 }); ok {
						if !out[slot].Swap(false) {
							t.Errorf("slot %d evicted and not added", slot)
						}
						free <- slot
					}
				}
			}
		})
	}
	wg.Wait()
	for slot, ok := p.Evict(always); ok; slot, ok = p.Evict(always) {
		require.True(t, out[slot].Swap(false))
		free <- slot
	}
	require.Len(t, free, slots)
	require.Zero(t, p.Stats().Cost)
}
