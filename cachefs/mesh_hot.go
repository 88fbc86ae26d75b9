package cachefs

import (
	"math"
	"slices"
	"time"

	"github.com/millpond/millpond/peer"
)

const (
	hotAsks    = 32              // for one block, of late, before those who ask are told who else has it
	hotHalf    = 4 * time.Second // after which half of them count: 32 are 5.5 a second
	hotHolders = 16              // that are remembered of a block
)

// hot counts how often peers ask this node for a block, and remembers who has kept a copy.
type hot struct{ slots[heat] }

type heat struct {
	asks    float64 // as of at
	at      time.Time
	holders []string
}

// cool lets time pass.
func (h *heat) cool(now time.Time) {
	h.asks *= math.Exp2(-float64(now.Sub(h.at)) / float64(hotHalf))
	h.at = now
}

// asked notes that a peer asks for a block, and returns who else may have it, if it is asked for often.
func (t hot) asked(key peer.Key, from string, now time.Time) (holders []string) {
	s := t.of(key)
	defer s.Unlock()
	s.v.cool(now)
	switch {
	case s.key == key:
	case s.v.asks > 1: // what is asked for more often keeps the place, for a while
		s.v.asks--
		return nil
	default:
		s.key, s.v = key, heat{at: now}
	}
	if s.v.asks++; s.v.asks < hotAsks {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.v.holders), func(id string) bool { return id == from })
}

// kept notes that a peer has, or will have, a copy.
func (t hot) kept(key peer.Key, by string) {
	s := t.of(key)
	defer s.Unlock()
	if s.key != key || slices.Contains(s.v.holders, by) {
		return
	}
	if len(s.v.holders) == hotHolders {
		s.v.holders = slices.Delete(s.v.holders, 0, 1)
	}
	s.v.holders = append(s.v.holders, by)
}
