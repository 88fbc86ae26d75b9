package ring

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Owners has the owner of each slot.
func Owners(r *Ring) []string {
	ids := make([]string, len(r.owner))
	for s, m := range r.owner {
		ids[s] = r.members[m].ID
	}
	return ids
}

const Slots = slots

// AllBest holds the first and second of each slot to the scores of all members.
func AllBest(t *testing.T, r *Ring) {
	for s, got := range r.places {
		want := place{best: math.MaxUint64, next: math.MaxUint64, first: nobody, second: nobody}
		for i := range r.members {
			want.enter(uint16(i), r.score(i, uint32(s)))
		}
		if got != want {
			require.Equal(t, want, got, "slot %d of %d members", s, len(r.members))
		}
	}
}
