package ring_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/peer/internal/ring"
)

const (
	grace  = 5 * time.Second
	settle = 30 * time.Second
)

func at(d time.Duration) time.Time { return time.Unix(1000, 0).Add(d) }

func has(r *ring.Ring, id string) bool {
	for _, m := range r.Members() {
		if m.ID == id {
			return true
		}
	}
	return false
}

func tracked(ms ...ring.Member) *ring.Tracker {
	t := ring.NewTracker(grace, settle)
	for _, m := range ms {
		t.Join(at(0), m)
	}
	t.Tick(at(settle)) // what was before is forgotten
	return t
}

// TestFlapping: who fails and comes back within the grace time moves nothing.
func TestFlapping(t *testing.T) {
	tr := tracked(mesh(3, 1)...)
	was, before := tr.Rings()
	require.Nil(t, before)
	for i := range 10 {
		now := settle + time.Duration(i)*4*time.Second
		tr.Fail(at(now), "node-1")
		require.Equal(t, at(now+grace), tr.Tick(at(now)))
		tr.Join(at(now+3*time.Second), mesh(3, 1)[1])
		now_, before := tr.Rings()
		require.Same(t, was, now_)
		require.Nil(t, before)
	}
}

// TestFailure: after the grace time the ring moves, and the one before is known for a while.
func TestFailure(t *testing.T) {
	tr := tracked(mesh(3, 1)...)
	was, _ := tr.Rings()
	tr.Fail(at(settle), "node-1")
	tr.Fail(at(settle+time.Second), "node-1") // said again: the grace time does not begin again
	tr.Tick(at(settle + grace - 1))
	r, _ := tr.Rings()
	require.Same(t, was, r)
	require.Equal(t, at(settle+grace+settle), tr.Tick(at(settle+grace)))
	r, before := tr.Rings()
	require.False(t, has(r, "node-1"))
	require.Same(t, was, before)
	require.Zero(t, tr.Tick(at(settle+grace+settle)))
	_, before = tr.Rings()
	require.Nil(t, before)
}

// TestLeave moves the ring at once; of several changes the ring before all of them is kept.
func TestLeave(t *testing.T) {
	tr := tracked(mesh(4, 1)...)
	was, _ := tr.Rings()
	tr.Leave(at(settle), "node-0")
	tr.Leave(at(settle+time.Second), "node-1")
	r, before := tr.Rings()
	require.Len(t, r.Members(), 2)
	require.Same(t, was, before)
	tr.Fail(at(settle+2*time.Second), "stranger")
	require.Equal(t, at(settle+time.Second+settle), tr.Tick(at(settle+2*time.Second)))
}
