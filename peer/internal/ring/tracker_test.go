package ring_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/peer/internal/ring"
)

const (
	grace  = 5 * time.Second
	settle = 30 * time.Second
)

func at(d time.Duration) time.Time { return time.Unix(1000, 0).Add(d) }

func has(r *ring.Set, id string) bool {
	for _, m := range r.Members() {
		if m.ID == id {
			return true
		}
	}
	return false
}

func tracked(ms ...ring.Member) *ring.Tracker {
	t := ring.NewTracker("node-0", grace, settle)
	for _, m := range ms {
		t.Join(at(0), m)
	}
	t.Tick(at(settle)) // what was before is forgotten
	return t
}

// TestFlapping: who fails and comes back within the grace time moves nothing.
func TestFlapping(t *testing.T) {
	tr := tracked(mesh(3, 1)...)
	was, before := tr.Sets()
	require.Nil(t, before)
	for i := range 10 {
		now := settle + time.Duration(i)*4*time.Second
		tr.Fail(at(now), "node-1")
		require.Equal(t, at(now+grace), tr.Tick(at(now)))
		tr.Join(at(now+3*time.Second), mesh(3, 1)[1])
		same, before := tr.Sets()
		require.Same(t, was, same)
		require.Nil(t, before)
	}
}

// TestFailure: after the grace time the ring moves, and the one before is known for a while.
func TestFailure(t *testing.T) {
	tr := tracked(mesh(3, 1)...)
	was, _ := tr.Sets()
	tr.Fail(at(settle), "node-1")
	tr.Fail(at(settle+time.Second), "node-1") // said again: the grace time does not begin again
	tr.Tick(at(settle + grace - 1))
	r, _ := tr.Sets()
	require.Same(t, was, r)
	require.Equal(t, at(settle+grace+settle), tr.Tick(at(settle+grace)))
	r, before := tr.Sets()
	require.False(t, has(r, "node-1"))
	require.Same(t, was, before)
	require.Zero(t, tr.Tick(at(settle+grace+settle)))
	_, before = tr.Sets()
	require.Nil(t, before)
}

// TestLeave moves the ring at once; of several changes the ring before all of them is kept.
func TestLeave(t *testing.T) {
	tr := tracked(mesh(4, 1)...)
	was, _ := tr.Sets()
	tr.Leave(at(settle), "node-0")
	tr.Leave(at(settle+time.Second), "node-1")
	r, before := tr.Sets()
	require.Len(t, r.Members(), 2)
	require.Same(t, was, before)
	tr.Fail(at(settle+2*time.Second), "stranger")
	require.Equal(t, at(settle+time.Second+settle), tr.Tick(at(settle+2*time.Second)))
}

// TestJoining: to a node that was alone, what was before is the mesh that it came to.
func TestJoining(t *testing.T) {
	ms := mesh(4, 1)
	tr := ring.NewTracker("node-0", grace, settle)
	for i, m := range ms {
		tr.Join(at(time.Duration(i)*time.Second), m)
	}
	_, before := tr.Sets()
	require.Equal(t, ms[1:], before.Members())
	tr.Tick(at(time.Hour))
	was, _ := tr.Sets()
	tr.Leave(at(time.Hour), "node-1")
	_, before = tr.Sets()
	require.Same(t, was, before)
}

// TestLasted: nodes that come together have never asked each other by another set; when one comes later they may have, until all have heard.
func TestLasted(t *testing.T) {
	ms := mesh(5, 1)
	tr := ring.NewTracker("node-0", grace, settle)
	tr.Join(at(0), ms[0]) // alone: nobody asks
	for i, m := range ms[1:4] {
		tr.Join(at(10*time.Second+time.Duration(i)*time.Second), m)
		before, _ := tr.Lasted()
		require.Nil(t, before)
	}
	tr.Join(at(20*time.Second), ms[4])
	before, until := tr.Lasted()
	require.Equal(t, ms[:4], before.Members())
	require.Equal(t, at(50*time.Second), until)
	tr.Tick(at(time.Hour))
	before, _ = tr.Lasted()
	require.Nil(t, before)
}

// TestRingOfSet: it does not matter from which ring another is made.
func TestRingOfSet(t *testing.T) {
	racetest.Skip(t)
	ms := mesh(12, 3)
	for _, from := range []*ring.Ring{nil, ring.New(), ring.New(ms[:8]...), ring.New(ms...), ring.New(append(mesh(14, 2), ms...)...)} {
		for _, to := range []*ring.Set{ring.NewSet(), ring.NewSet(ms[4:10]...), ring.NewSet(ms...), ring.NewSet(mesh(12, 3)...).With(ring.Member{ID: "node-3", Weight: 5}).Without("node-4")} {
			require.Equal(t, ring.Owners(ring.New(to.Members()...)), ring.Owners(to.Ring(from)))
		}
	}
}
