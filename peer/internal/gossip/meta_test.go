package gossip_test

import (
	"bytes"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
)

// TestMetaOfManyAtOnce: with so many who have news, it takes more than a second until each has told its own often enough.
// That it is on its way will do.
func TestMetaOfManyAtOnce(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		ns := m.grow(30)
		m.until(time.Minute, ns...)
		var all sync.WaitGroup
		for i, n := range ns {
			all.Go(func() {
				if err := n.SetMeta(bytes.Repeat([]byte{byte(i)}, 100)); err != nil {
					t.Error(i, err)
				}
			})
		}
		all.Wait()
		time.Sleep(20 * time.Second)
		for _, n := range ns {
			n.mu.Lock()
			known := maps.Clone(n.known)
			n.mu.Unlock()
			for id, e := range known {
				require.Len(t, e.Tags.Meta, 100, "%s, as %s knows it", id, n.host.Addr())
			}
		}
	})
}
