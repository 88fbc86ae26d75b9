package traces_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/internal/traces"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sum is FNV-1a-64 over the keys as little-endian uint64.
func sum(keys []uint32) string {
	h := uint64(0xcbf29ce484222325)
	for _, k := range keys {
		for i := range 8 {
			h = (h ^ uint64(byte(uint64(k)>>(8*i)))) * 0x100000001b3
		}
	}
	return fmt.Sprintf("%016x", h)
}

// TestSums checks all ten million keys of each trace against sums that were published with the traces' description.
func TestSums(t *testing.T) {
	racetest.Skip(t)
	want := map[string]string{
		"shift": "0f2247787e357b38", "recent10k": "034b754bd80666e1", "recent100k": "b3da9090e08d6e8d",
		"zipf": "451bf6ce0993433e", "zipf99": "6d4b0a70a6fd7c96", "mix": "c3dfb34d3d222929",
		"loop10k": "2edf28837d35fba5", "loop100k": "254d76e69da69d25",
	}
	for _, name := range traces.Names() {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "loop10k" {
				t.Skip("ten million keys")
			}
			require.Equal(t, want[name], sum(traces.Generate(name, 10_000_000)))
		})
	}
}

func ExampleGenerate() {
	fmt.Println(traces.Generate("recent10k", 4))
	// Output: [0 1 2 3]
}
