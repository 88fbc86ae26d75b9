// Package traces makes the key traces that hit ratios are measured on.
//
// All draw from a million keys with one seed and without floating-point operations that a compiler may fuse, so that every
// machine gets the same keys; the package's test has their sums.
package traces

import (
	"fmt"
	"math"
	"slices"
)

// Keys is how many keys the skewed traces draw from; capacities are 1 % and 10 % of it.
const Keys = 1_000_000

const shiftEvery, shiftBy = 1_000_000, 99_991

// Names lists the traces:
//
//   - zipf, zipf99: ranks by Zipf's law with exponent 0.9 and 0.99
//   - mix: a thousand of zipf, then a thousand of a scan that never repeats
//   - loop10k, loop100k: 12,000 and 120,000 keys round and round
//   - shift: zipf whose hot keys change every million accesses
//   - recent10k, recent100k: a key is used three times within half the capacity, then never again
func Names() []string {
	return []string{"zipf", "zipf99", "mix", "loop10k", "loop100k", "shift", "recent10k", "recent100k"}
}

// Generate returns the first n keys of a trace; it panics if the name is not one of Names.
func Generate(name string, n int) []uint32 {
	switch name {
	case "zipf":
		return skewed(90, n)
	case "zipf99":
		return skewed(99, n)
	case "mix":
		return mixed(n)
	case "loop10k":
		return loop(12_000, n)
	case "loop100k":
		return loop(120_000, n)
	case "shift":
		keys := skewed(90, n)
		for t := range keys {
			keys[t] = (keys[t] + uint32(t/shiftEvery)*shiftBy) % Keys
		}
		return keys
	case "recent10k":
		return recent(10_000, n)
	case "recent100k":
		return recent(100_000, n)
	}
	panic(fmt.Sprintf("traces: no trace %q; have %q", name, Names()))
}

// random is splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
type random uint64

func (r *random) next() uint64 {
	*r += 0x9E3779B97F4A7C15
	x := uint64(*r)
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

const seed = 42

// cumulative sums i^-s for s = hundredths/100. The root is found by Newton's method from the last one, with every product
// rounded by itself (a fused multiply-add would differ in the last bit): 0.9 is 1 - 1/10 and 0.99 is 1 - 1/100, so the
// tenth root of i is the fifth root of its square root, the hundredth the 25th of its fourth root.
func cumulative(hundredths int) []float64 {
	degree, halvings := 25, 2
	if hundredths == 90 {
		degree, halvings = 5, 1
	}
	sums := make([]float64, Keys)
	root, sum := 1.0, 0.0
	for i := range sums {
		x := float64(i + 1)
		target := x
		for range halvings {
			target = math.Sqrt(target)
		}
		for range 8 {
			root = newton(root, target, degree)
		}
		sum += float64(root / x)
		sums[i] = sum
	}
	return sums
}

// newton takes one step towards the root of the degree of target.
func newton(root, target float64, degree int) float64 {
	power := root
	for range degree - 2 {
		power = float64(power * root)
	}
	over := float64(power*root) - target
	slope := float64(float64(degree) * power)
	return root - float64(over/slope)
}

// skewed draws ranks by their weight.
func skewed(hundredths, n int) []uint32 {
	sums, r := cumulative(hundredths), random(seed)
	keys := make([]uint32, n)
	for t := range keys {
		keys[t] = draw(sums, &r)
	}
	return keys
}

func draw(sums []float64, r *random) uint32 {
	unit := float64(float64(r.next()>>11) * (1.0 / (1 << 53)))
	at := float64(unit * sums[len(sums)-1])
	i, found := slices.BinarySearch(sums, at)
	if found {
		i++ // the first sum above
	}
	return uint32(min(i, len(sums)-1))
}

func mixed(n int) []uint32 {
	sums, r := cumulative(90), random(seed)
	keys, scan := make([]uint32, n), uint32(Keys)
	for t := range keys {
		if t/1000%2 == 0 {
			keys[t] = draw(sums, &r)
		} else {
			keys[t] = scan
			scan++
		}
	}
	return keys
}

func loop(length, n int) []uint32 {
	keys := make([]uint32, n)
	for t := range keys {
		keys[t] = uint32(t % length)
	}
	return keys
}

// recent uses key i now, and again a quarter and a half of the capacity later.
func recent(capacity, n int) []uint32 {
	keys := make([]uint32, 0, n+2)
	for i := 0; len(keys) < n; i++ {
		for _, back := range []int{0, capacity / 4, capacity / 2} {
			if i >= back {
				keys = append(keys, uint32(i-back))
			}
		}
	}
	return keys[:n]
}
