package statcache_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/statcache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestForgetShowsAtOnce(t *testing.T) {
	c, err := statcache.New(1 << 20)
	require.NoError(t, err)
	defer c.Close()
	for i := range 100 {
		key := fmt.Sprint(i)
		c.See(key)
		c.Forget(key)
		_, ok := c.Seen(key)
		require.False(t, ok)
	}
}

// TestTakesSoManyBytes: what is kept is bounded in bytes, long keys count for more, and what does not fit is lost and no error.
func TestTakesSoManyBytes(t *testing.T) {
	const size = 100 << 10
	kept := map[int]int{}
	for _, length := range []int{50, 850} {
		c, err := statcache.New(size)
		require.NoError(t, err)
		key := func(i int) string { return fmt.Sprintf("%0*d", length, i) }
		for i := range 5000 {
			c.See(key(i))
			if i%20 == 0 {
				c.Forget("nothing") // waits for those that do not show yet
			}
		}
		for i := range 5000 {
			if _, ok := c.Seen(key(i)); ok {
				kept[length]++
			}
		}
		c.Close()
	}
	require.LessOrEqual(t, kept[50], size/(50+100))
	require.Greater(t, kept[50], size/(50+100)/2)
	require.LessOrEqual(t, kept[850], size/(850+100))
	require.Greater(t, kept[850], size/(850+100)/2)
}

func TestCloseBesideCalls(t *testing.T) {
	for range 20 {
		c, err := statcache.New(1 << 20)
		require.NoError(t, err)
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 50 {
					key := fmt.Sprint(g, i)
					c.See(key)
					c.Seen(key)
					c.Forget(key)
				}
			})
		}
		c.Close()
		wg.Wait()
		c.Close()
		_, ok := c.Seen("0 0")
		require.False(t, ok)
	}
}
