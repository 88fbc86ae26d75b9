package ring_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/peer/internal/ring"
)

// mesh has n members whose weights go from 1,024 to kinds times that.
func mesh(n, kinds int) (ms []ring.Member) {
	for i := range n {
		ms = append(ms, ring.Member{ID: fmt.Sprintf("node-%d", i), Weight: uint32(1024 * (1 + i%kinds))})
	}
	return ms
}

func shares(r *ring.Ring) map[string]int {
	n := map[string]int{}
	for _, id := range ring.Owners(r) {
		n[id]++
	}
	return n
}

func fairShare(r *ring.Ring, m ring.Member) float64 {
	total := 0.0
	for _, m := range r.Members() {
		total += float64(m.Weight)
	}
	return float64(m.Weight) / total * ring.Slots
}

const many = 1000 // members

// TestBalance holds each share to 5 % of the fair one, or to a slot where 5 % is less.
func TestBalance(t *testing.T) {
	racetest.Skip(t)
	for _, n := range []int{1, 2, 3, 5, 25, 100, many} {
		for _, kinds := range []int{1, 8} {
			if n == many && kinds == 1 {
				continue // TestMovement has it
			}
			r := ring.New(mesh(n, kinds)...)
			got := shares(r)
			worst := 0.0
			for _, m := range r.Members() {
				fair := fairShare(r, m)
				off := math.Abs(float64(got[m.ID]) - fair)
				worst = max(worst, off/fair)
				require.LessOrEqual(t, off, max(0.05*fair, 0.04*fair+1), "%s of %d members has %d slots, fair are %.1f", m.ID, n, got[m.ID], fair)
			}
			t.Logf("%4d members, weights 1 to %d: worst share %.2f %% off", n, kinds, 100*worst)
		}
	}
}

// TestMovement adds a member: it takes its share, and hardly anything moves between the others.
func TestMovement(t *testing.T) {
	racetest.Skip(t)
	for _, n := range []int{1, 2, 5, 25, many} {
		r := ring.New(mesh(n, 1)...)
		was, now := ring.Owners(r), ring.Owners(r.With(ring.Member{ID: "new", Weight: 1024}))
		taken, other := 0, 0
		for s := range was {
			switch {
			case now[s] == "new":
				taken++
			case now[s] != was[s]:
				other++
			}
		}
		fair := float64(ring.Slots) / float64(n+1)
		t.Logf("%4d members and one more: it takes %.2f of its fair share; %.4f %% move between the others", n, float64(taken)/fair, 100*float64(other)/ring.Slots)
		require.InEpsilon(t, fair, taken, 0.05)
		if n <= 25 {
			require.Zero(t, other)
		}
		require.LessOrEqual(t, other, ring.Slots/1000, "what balancing moves")
	}
}

// TestSameEverywhere makes rings of equal members by different ways.
func TestSameEverywhere(t *testing.T) {
	racetest.Skip(t)
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		ms, weight := make([]ring.Member, 1+rnd.IntN(8)), rnd.Uint32()
		for i := range ms {
			ms[i] = ring.Member{ID: fmt.Sprint(rnd.Uint32()), Weight: weight}
			if seed%3 > 0 { // not of one weight
				ms[i].Weight = rnd.Uint32N(1 << rnd.UintN(20))
			}
		}
		want := ring.Owners(ring.New(ms...))
		r := ring.New(ring.Member{ID: "gone", Weight: 77})
		for _, i := range rnd.Perm(len(ms)) {
			r = r.With(ring.Member{ID: ms[i].ID, Weight: 5}).With(ms[i])
		}
		require.Equal(t, want, ring.Owners(r.Without("gone")), "seed %d: %v", seed, ms)
	}
}

// TestOwners: the successors of a key own it when those before them are gone.
func TestOwners(t *testing.T) {
	racetest.Skip(t)
	r := ring.New(mesh(10, 3)...)
	for i := range 10 {
		key := binary.BigEndian.AppendUint64(nil, rand.Uint64())
		ids := r.Owners(nil, key, 3)
		require.Len(t, ids, 3)
		require.Equal(t, r.Owner(key), ids[0])
		without := r.Without(ids[0])
		require.Equal(t, ids[1], without.Owner(key), "key %d", i)
		require.Equal(t, ids[2], without.Without(ids[1]).Owner(key), "key %d", i)
	}
	require.Len(t, r.Owners(nil, []byte("k"), 99), 10)
	require.Empty(t, ring.New().Owners(nil, []byte("k"), 2))
	require.Empty(t, ring.New(ring.Member{ID: "empty"}).Owner([]byte("k")))
}

// TestLookUpAllocates nothing.
func TestLookUpAllocates(t *testing.T) {
	r := ring.New(mesh(20, 1)...)
	ids := make([]string, 0, 3)
	key := []byte("a key of a block")
	require.Zero(t, testing.AllocsPerRun(100, func() { ids = r.Owners(ids[:0], key, 3) }))
}

// TestGolden holds the ring to what it was: nodes of two versions must agree.
func TestGolden(t *testing.T) {
	racetest.Skip(t)
	for _, c := range []struct {
		members []ring.Member
		want    uint64
	}{
		{mesh(2, 1), 0x34ca2f7781ce675b},
		{mesh(3, 1), 0xd72522c7973099ae},
		{mesh(17, 1), 0x5c3fc21bfb71e311},
		{mesh(100, 1), 0xdc92c8051e80872a},
		{mesh(40, 7), 0x2a62831df59e31b0},
		{mesh(1000, 8), 0xc5a470e05abd17db},
		{uneven(60), 0x428e9147acc44ca9},
	} {
		all := xxhash.New()
		for _, id := range ring.Owners(ring.New(c.members...)) {
			_, _ = all.WriteString(id)
		}
		require.Equal(t, fmt.Sprintf("%#x", c.want), fmt.Sprintf("%#x", all.Sum64()), "%d members", len(c.members))
	}
}

// uneven has n members whose weights go from 1 to 2^31.
func uneven(n int) []ring.Member {
	ms := mesh(n, 1)
	for i := range ms {
		ms[i].Weight = 1 << (i % 32)
	}
	return ms
}

// TestBest compares who is best in a slot with a look at the scores of all.
func TestBest(t *testing.T) {
	racetest.Skip(t)
	for _, ms := range [][]ring.Member{mesh(2, 1), mesh(13, 1), mesh(14, 2), mesh(101, 1), mesh(102, 5), uneven(99)} {
		ring.AllBest(t, ring.New(ms...))
	}
}
