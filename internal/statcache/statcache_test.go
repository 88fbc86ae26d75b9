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
