package main

import (
	"fmt"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/millpond/millpond/internal/policy/policytest"
	"github.com/millpond/millpond/internal/traces"
)

// hitRatios is goal 20: our policy at 1, 16 and 64 shards against LRU and ristretto's, ten million accesses of unit size
// from empty. ours is the hit ratio, theirs LRU's; ristretto's stands in a line of its own.
func hitRatios(r *report) error {
	const n = 10_000_000
	for _, c := range []struct {
		trace    string
		capacity int
		want     float64
		lru      bool // want is LRU - .02
	}{
		{"zipf", 10_000, .490, false}, {"zipf", 100_000, .690, false},
		{"mix", 10_000, .245, false}, {"mix", 100_000, .330, false},
		{"loop10k", 10_000, .70, false}, {"loop100k", 100_000, .70, false},
		{"shift", 10_000, 0, true}, {"shift", 100_000, 0, true},
		{"recent10k", 10_000, 0, true}, {"recent100k", 100_000, 0, true},
	} {
		keys := traces.Generate(c.trace, n)
		lru := policytest.Ratio(policytest.NewLRU(c.capacity), keys)
		rist, err := ristrettoRatio(c.capacity, keys)
		if err != nil {
			return err
		}
		want := c.want
		if c.lru {
			want = lru - .02
		}
		for _, shards := range []int{1, 16, 64} {
			got := policytest.Ratio(policytest.NewOurs(c.capacity, shards), keys)
			name := fmt.Sprintf("%s at %d, %d shards (ristretto %.3f)", c.trace, c.capacity, shards, rist)
			r.line(name, fmt.Sprintf("%.4f", got), fmt.Sprintf("LRU %.4f", lru), atLeast(want), got)
		}
	}
	return nil
}

// ristrettoRatio plays a trace to ristretto, each Set waited for.
func ristrettoRatio(capacity int, keys []uint32) (float64, error) {
	c, err := ristretto.NewCache(&ristretto.Config[uint64, uint32]{
		NumCounters: int64(capacity) * 10, MaxCost: int64(capacity), BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	hits := 0
	for i, k := range keys {
		if _, ok := c.Get(uint64(k)); ok {
			hits++
			continue
		}
		c.Set(uint64(k), k, 1)
		if i%64 == 0 {
			c.Wait()
		}
	}
	return float64(hits) / float64(len(keys)), nil
}
