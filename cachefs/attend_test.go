package cachefs_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
)

// TestPartialPartition: the network breaks between two nodes that all others reach. One that writes has its copies elsewhere,
// and one that lists a directory, which the other was to list, does so itself. So it is with a node that the primary alone does
// not reach, and which others do.
func TestPartialPartition(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 4)
		time.Sleep(settled)
		p := c.Primary()
		writer, data := c.Nodes[(p+1)%4], content(1, 100_000)
		for k := range 12 { // whichever the ring has for them
			require.NoError(t, c.Store.UFS().Mkdir(t.Context(), fmt.Sprint("d", k), false, 0o755))
			require.NoError(t, putOutside(t.Context(), c.Store.UFS(), fmt.Sprintf("d%d/f", k), data))
		}
		for name, broken := range map[string]func(i, j int){"one way": c.OneWay, "the other": func(i, j int) { c.OneWay(j, i) }, "both": c.Cut} {
			for _, pair := range [][2]int{{1, 2}, {1, 3}, {0, 2}} {
				broken((p+pair[0])%4, (p+pair[1])%4)
				time.Sleep(settled)
				began := time.Now()
				list := func() {
					_, err := names(writer.List(t.Context(), cachefstest.MountPath, &cachefs.ListOptions{Recursive: true, Sync: true}), "/")
					require.NoError(t, err)
				}
				list() // before anything has changed that a node cut off has not heard of
				for k := range 3 {
					path := fmt.Sprintf("/%s %v %d", name, pair, k)
					require.NoError(t, writeFile(t.Context(), writer, path, data, cachefs.CreateOptions{ReplicasMin: 2}), path)
					homes, err := cachefs.Homes(writer, path)
					require.NoError(t, err)
					require.Len(t, homes, 2)
				}
				for k := range 6 {
					require.True(t, bytes.Equal(data, readAll(t, writer, fmt.Sprintf("%s/d%d/f", cachefstest.MountPath, k))))
				}
				list()
				require.Less(t, time.Since(began), 3*time.Minute, "some ask a node first that does not answer, for 8 s each")
				c.Heal()
				time.Sleep(settled)
			}
		}
	})
}
