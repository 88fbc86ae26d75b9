package cachefs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
)

// TestClientListsPastANodeThatIsCutOff: such a node has nobody to tell what it found in the store, and would have the Client wait for that.
func TestClientListsPastANodeThatIsCutOff(t *testing.T) {
	for cut := range 3 { // whichever the Client asks first
		bubbletest.Test(t, func(t *testing.T) {
			c := cachefstest.New(t, 3)
			client := c.Client()
			require.NoError(t, client.Mkdir(t.Context(), "/d", nil))
			time.Sleep(10 * time.Second)
			c.Partition([]int{cut}, []int{(cut + 1) % 3, (cut + 2) % 3})
			putStore(t, c, "new", []byte("x"))
			ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
			defer stop()
			var names []string
			for info, err := range client.List(ctx, cachefstest.MountPath, &cachefs.ListOptions{Sync: true}) {
				require.NoError(t, err, "node %d is cut off", cut)
				names = append(names, info.Name())
			}
			require.Equal(t, []string{"new"}, names)
			c.Heal()
			time.Sleep(10 * time.Second)
		})
	}
}
