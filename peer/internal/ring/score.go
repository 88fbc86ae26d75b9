package ring

import "math/bits"

// score is a member's claim to a slot: the lower the better. It is -log2(u)/weight with u uniform in (0,1] and drawn by
// hashing member and slot; so each member is lowest with a probability in proportion to its weight.
func score(member uint64, slot uint32, weight uint32) uint64 {
	return scoreOf(draw(member, slot), weight)
}

// draw is the hash of a member and a slot, above 0. Of two members of one weight the higher draw does not score worse.
func draw(member uint64, slot uint32) uint64 {
	return mix(member+uint64(slot)*golden) | 1
}

const golden = 0x9E3779B97F4A7C15

func scoreOf(draw uint64, weight uint32) uint64 {
	return (64<<fraction - log2(draw)) << (62 - 6 - fraction) / uint64(weight)
}

// mix spreads every bit of x over all bits (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x = mixTop(x)
	return x ^ x>>31
}

// mixTop is mix, but for the lowest bits, undrawn of them.
func mixTop(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xBF58476D1CE4E5B9
	x ^= x >> 27
	return x * 0x94D049BB133111EB
}

const undrawn = 64 - 31

// fraction is how many bits of a logarithm lie behind the point.
const fraction = 32

// log2 is the logarithm of x > 0 in 32.32 fixed point, from a table and a straight line between its entries: integers
// alone, since the floating-point one differs in its last bit between processors.
func log2(x uint64) uint64 {
	whole := 63 - uint(bits.LeadingZeros64(x))
	m := x << (63 - whole) // the first bit is the one before the point
	i := m << 1 >> (64 - tableBits)
	rest := m << (1 + tableBits) >> 32 // between entries, 32 bits
	low, high := uint64(logTable[i]), uint64(logTable[i+1])
	return uint64(whole)<<fraction + low + (high-low)*rest>>32
}

const tableBits = 8

// logTable has log2(1 + i/256), 32 bits behind the point.
var logTable = makeLogTable()

func makeLogTable() (t [1<<tableBits + 1]uint64) {
	for i := range t {
		t[i] = logBits(uint64(i))
	}
	return t
}

// logBits is log2(1 + i/256) bit by bit: squaring doubles a logarithm.
func logBits(i uint64) (r uint64) {
	if i == 1<<tableBits {
		return 1 << fraction
	}
	x := (1<<tableBits + i) << (62 - tableBits) // 1.0 is 1<<62
	for range fraction {
		hi, lo := bits.Mul64(x, x)
		x = hi<<2 | lo>>62
		r <<= 1
		if x>>63 != 0 {
			x >>= 1
			r |= 1
		}
	}
	return r
}
