package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/policy"
)

const benchSlots = 1 << 16

func full() *policy.Policy {
	p := policy.New(policy.Config{Capacity: benchSlots, Shards: 16})
	for i := range uint32(benchSlots) {
		p.Add(uint64(i), i, 1)
	}
	return p
}

func TestNoAllocations(t *testing.T) {
	p, key := full(), uint64(benchSlots)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		slot, _ := p.Evict(always)
		p.Add(key, slot, 1)
		p.Hit(slot)
		key++
	}))
}

func BenchmarkHitOneKey(b *testing.B) {
	p := full()
	b.ReportAllocs()
	for b.Loop() {
		p.Hit(5)
	}
}

// The CPU a hit takes must not grow with the goroutines on one key: compare with HitOneKey.
func BenchmarkHitOneKeyParallel(b *testing.B) {
	p := full()
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p.Hit(5)
		}
	})
}

func BenchmarkHitManyKeys(b *testing.B) {
	p, i := full(), uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		i += 7919
		p.Hit(i % benchSlots)
	}
}

func BenchmarkEvictAdd(b *testing.B) {
	p, key := full(), uint64(benchSlots)
	b.ReportAllocs()
	for b.Loop() {
		slot, _ := p.Evict(always)
		p.Add(key, slot, 1)
		key++
	}
}

// Nine in ten slots are held: Evict must not look at them again and again.
func BenchmarkEvictMostHeld(b *testing.B) {
	p, key := full(), uint64(benchSlots)
	for b.Loop() {
		slot, _ := p.Evict(func(slot uint32) bool { return slot%10 == 0 })
		p.Add(key, slot, 1)
		key++
	}
}
