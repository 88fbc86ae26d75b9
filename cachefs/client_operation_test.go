package cachefs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
)

// TestClientClosesLate: a Client makes other changes while a file of its is open, and keeps it open for longer than a change may
// be asked for again.
func TestClientClosesLate(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 2)
		time.Sleep(10 * time.Second)
		client := c.Client()
		ctx := t.Context()
		types := []cachefs.WriteType{cachefs.MustCache, cachefs.CacheThrough, cachefs.Through, cachefs.AsyncThrough}
		files := make([][]*cachefs.Writer, 2)
		for i := range files {
			for _, wt := range types {
				w, err := client.Create(ctx, fmt.Sprintf("/mem/%v-%d", wt, i), &cachefs.CreateOptions{WriteType: wt})
				require.NoError(t, err)
				files[i] = append(files[i], w)
			}
		}
		for i := range files {
			for _, w := range files[i] {
				_, err := fmt.Fprint(w, "bytes")
				require.NoError(t, err)
				require.NoError(t, w.Close(), w.Name())
			}
			time.Sleep(31 * time.Minute)
		}
	})
}
