package policy

import "math/bits"

// A count-min sketch of 4-bit counters with conservative update, four
// counters a key, all in one 64-byte line. Aged by halving when it has
// counted ten uses for each resident entry, so that the past fades.
type sketch struct {
	words []uint64 // lines of lineWords
	adds  int
}

const (
	lineWords = 8
	maxFreq   = 15
	agePeriod = 16 // uses an entry between two halvings
	lowBits   = 0x7777777777777777
)

// minWords is 16 lines: below that, chance collisions decide duels.
const minWords = 32 * lineWords

func newSketch() sketch { return sketch{words: make([]uint64, minWords)} }

// ensure grows the sketch to 8-16 bytes an entry. A key's line in a table of
// twice the size is its old one or that plus the old size, so that a table
// written twice counts as before; halved, since the other keys of a line
// moved away.
func (s *sketch) ensure(entries int) {
	for entries > len(s.words) {
		s.age()
		n := len(s.words)
		words := make([]uint64, 2*n) // append would take a fifth more
		copy(words, s.words)
		copy(words[n:], s.words)
		s.words = words
	}
}

// place gives the key's line and 20 bits that choose its counters.
func (s *sketch) place(key uint32) (line []uint64, pick uint64) {
	h := mix(uint64(key) * 0x9E3779B97F4A7C15)
	n := uint64(len(s.words) / lineWords)
	i := (h >> 40) & (n - 1)
	return s.words[i*lineWords : (i+1)*lineWords : (i+1)*lineWords], h
}

// get is the key's count, 0-15.
func (s *sketch) get(key uint32) int {
	line, h := s.place(key)
	f := uint64(maxFreq)
	for row := range uint64(4) {
		f = min(f, line[row*2+h&1]>>(h>>1&15*4)&15)
		h >>= 5
	}
	return int(f)
}

// raise makes the key's count at least f.
func (s *sketch) raise(key uint32, f int) {
	line, h := s.place(key)
	for row := range uint64(4) {
		w, shift := &line[row*2+h&1], h>>1&15*4
		if *w>>shift&15 < uint64(f) {
			*w = *w&^(15<<shift) | uint64(f)<<shift
		}
		h >>= 5
	}
}

// add counts one use; entries is the number resident, which paces aging. Uses
// that a full counter cannot hold do not age the others.
func (s *sketch) add(key uint32, entries int) {
	f := s.get(key)
	if f == maxFreq {
		return
	}
	s.raise(key, f+1)
	if s.adds++; s.adds >= agePeriod*max(entries, 16) {
		s.age()
	}
}

// age halves every counter.
func (s *sketch) age() {
	for i, w := range s.words {
		s.words[i] = w >> 1 & lowBits
	}
	s.adds /= 2
}

// mix spreads a caller's hash and the seed over 64 bits (Stafford's 13th).
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>27) * 0x94D049BB133111EB
	return h ^ h>>31
}

// reduce maps 32 bits of h onto 0..n-1 without a division.
func reduce(h uint32, n int) int {
	hi, _ := bits.Mul64(uint64(h)<<32, uint64(n))
	return int(hi)
}
