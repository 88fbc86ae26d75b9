package ring_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/peer/internal/ring"
)

// TestCache: nodes that ask for the ring of equal members get one and the same, whichever asks first; those of other members, or
// of another weight, get theirs; what was made long ago is made again.
func TestCache(t *testing.T) {
	var c, none *ring.Cache = &ring.Cache{}, nil
	ms := mesh(3, 1)
	near := ring.New(ms[:2]...)
	got := make([]*ring.Ring, 4)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i] = c.Ring(ring.NewSet(ms...), near) })
	}
	wg.Wait()
	for _, r := range got {
		require.Same(t, got[0], r)
	}
	require.Equal(t, ring.New(ms...), got[0])
	require.Equal(t, got[0], none.Ring(ring.NewSet(ms...), near))
	heavier := ring.Member{ID: ms[0].ID, Weight: ms[0].Weight + 1}
	require.Equal(t, []ring.Member{heavier}, c.Ring(ring.NewSet(heavier), nil).Members())
	for i := range 10 {
		c.Ring(ring.NewSet(ring.Member{ID: "another", Weight: uint32(i + 1)}), nil)
	}
	again := c.Ring(ring.NewSet(ms...), nil)
	require.NotSame(t, got[0], again)
	require.Equal(t, got[0], again)
}
