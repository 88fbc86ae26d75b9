package gossip_test

import (
	"bytes"
	"fmt"
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
		// Gossip may pass a node by; the exchange of the whole state, each 30 s, does not.
		for began := time.Now(); len(m.withoutMeta(ns)) > 0 && time.Since(began) < 3*time.Minute; {
			time.Sleep(5 * time.Second)
		}
		require.Empty(t, m.withoutMeta(ns))
	})
}

// withoutMeta says of whom who does not know the 100 bytes.
func (m *mesh) withoutMeta(ns []*node) (missing []string) {
	for _, n := range ns {
		n.mu.Lock()
		for id, e := range n.known {
			if len(e.Tags.Meta) != 100 {
				missing = append(missing, fmt.Sprintf("%s, as %s knows it: %d bytes", id, n.host.Addr(), len(e.Tags.Meta)))
			}
		}
		n.mu.Unlock()
	}
	return missing
}
