package journal_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/racetest"
)

// TestGrowTo20AndShrinkTo1 starts nodes and ends them in random order, some killed and some closed, with a change through a random node
// after each step. Two nodes are where a kill may stop the changes, so there the voter is closed.
func TestGrowTo20AndShrinkTo1(t *testing.T) {
	seeds := racetest.Fewer(3)
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			mesh(t, func(t *testing.T, g *group) {
				s := &scaling{g: g, rng: rand.New(rand.NewPCG(seed, 20))}
				s.open()
				for len(g.nodes) < 20 {
					s.open()
					if s.rng.IntN(4) == 0 && len(g.nodes) > 3 {
						s.end()
					}
				}
				s.change()
				require.Equal(t, s.acked, g.primary().reg.get("k"))
				for len(g.nodes) > 1 {
					s.end()
					if s.rng.IntN(5) == 0 {
						s.open()
					}
				}
				s.change()
				require.Equal(t, s.acked, g.primary().reg.get("k"), "the last one has every change")
			})
		})
	}
	t.Logf("grown to 20 and shrunk to 1: %d seeds from 0", seeds)
}

type scaling struct {
	g      *group
	rng    *rand.Rand
	acked  int
	opened int
	gone   []string
}

func (s *scaling) open() {
	id := fmt.Sprintf("n%02d", s.opened)
	if i := len(s.gone); i > 0 && s.rng.IntN(2) == 0 { // one comes back, with its disk
		id, s.gone = s.gone[i-1], s.gone[:i-1]
	} else {
		s.opened++
	}
	s.g.open(id)
	time.Sleep(2 * time.Second)
	s.change()
}

func (s *scaling) end() {
	ids := s.g.ids()
	id := ids[s.rng.IntN(len(ids))]
	s.gone = append(s.gone, id)
	if s.rng.IntN(2) == 0 || len(ids) == 2 {
		s.g.leave(id)
		s.change()
		return
	}
	s.g.crash(id)
	s.change()
	time.Sleep(13 * time.Second) // it is missed for 1 s, and for its time of grace
	s.change()
}

func (s *scaling) change() {
	s.g.t.Helper()
	ids := s.g.ids()
	s.g.nodes[ids[s.rng.IntN(len(ids))]].add("k")
	s.acked++
}
