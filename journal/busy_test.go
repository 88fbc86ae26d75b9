package journal_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal"
)

// weighed is peers that count the bytes of requests that are being served.
type weighed struct {
	journal.Peers
	held *atomic.Int64
}

func (w weighed) Serve(s journal.Server) { w.Peers.Serve(weighedServer{s, w.held}) }

type weighedServer struct {
	journal.Server
	held *atomic.Int64
}

func (w weighedServer) ServeCall(ctx context.Context, from string, req []byte) ([]byte, error) {
	if n := int64(len(req)); n > 1000 { // a batch
		w.held.Add(n)
		defer w.held.Add(-n)
	}
	return w.Server.ServeCall(ctx, from, req)
}

// TestPrimaryHoldsSoManyBytes: a primary whose disk is slow takes no more of the others' changes than there is room for. The rest
// waits where it is, and is made, once.
func TestPrimaryHoldsSoManyBytes(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		const room, size, each = 64 << 10, 15 << 10, 20
		var held atomic.Int64
		var slow atomic.Bool
		ids := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		for _, id := range ids {
			cfg := g.config(id)
			cfg.Peers = weighed{cfg.Peers, &held}
			cfg.FS = vfs.NewFaulty(g.disks[id], func(op vfs.Op) error {
				if slow.Load() && op.Kind == vfs.OpSync {
					time.Sleep(50 * time.Millisecond)
				}
				return nil
			})
			n, err := g.tryOpen(cfg, time.Minute)
			require.NoError(t, err)
			journal.TakeAtMost(n.Journal, room)
		}
		time.Sleep(5 * time.Second)
		slow.Store(true)
		defer slow.Store(false)
		p := g.primary()
		var all sync.WaitGroup
		for _, id := range others(ids, p.id) {
			all.Go(func() {
				for i := range each {
					g.nodes[id].add(fmt.Sprint(i, strings.Repeat("x", size)))
				}
			})
		}
		most := largest(&held, &all) // who is refused is gone in no time
		require.Greater(t, most, int64(room/2))
		require.Less(t, most, int64(room+1000))
		for i := range each {
			require.Equal(t, len(ids)-1, p.reg.get(fmt.Sprint(i, strings.Repeat("x", size))))
		}
	})
}

// largest looks at held each millisecond, until all are done.
func largest(held *atomic.Int64, all *sync.WaitGroup) (most int64) {
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for {
		select {
		case <-done:
			return most
		case <-time.After(time.Millisecond):
			synctest.Wait()
			most = max(most, held.Load())
		}
	}
}
