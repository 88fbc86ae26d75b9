package cachefs_test

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
)

// TestLookOlderThanChange holds a look at the store back until what it saw was changed here: the old name must not come
// back, neither to who looked then nor to who looks after.
func TestLookOlderThanChange(t *testing.T) {
	changes := map[string]func(n *cachefs.Node) error{
		"remove": func(n *cachefs.Node) error { return n.Remove(t.Context(), "/m/d/f", nil) },
		"rename": func(n *cachefs.Node) error { return n.Rename(t.Context(), "/m/d/f", "/m/d/g", nil) },
		"rename directory": func(n *cachefs.Node) error {
			return n.Rename(t.Context(), "/m/d", "/m/e", nil)
		},
	}
	looks := map[string]func(n *cachefs.Node){
		"list": func(n *cachefs.Node) {
			for range n.List(t.Context(), "/m/d", &cachefs.ListOptions{Sync: true}) {
			}
		},
		"stat": func(n *cachefs.Node) { n.Stat(t.Context(), "/m/d/f", &cachefs.StatOptions{Sync: true}) },
	}
	for what, change := range changes {
		for how, look := range looks {
			t.Run(what+" during "+how, func(t *testing.T) {
				store := &holding{Store: memufs.New(nil), op: how, seen: make(chan struct{}), release: make(chan struct{})}
				held, err := ufs.New(store, "mem://held", nil)
				require.NoError(t, err)
				n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/m", Store: held}}})
				require.NoError(t, err)
				defer n.Close()
				w, err := n.Create(t.Context(), "/m/d/f", &cachefs.CreateOptions{Parents: true})
				require.NoError(t, err)
				require.NoError(t, w.Close())

				store.armed.Store(true)
				done := make(chan struct{})
				go func() { defer close(done); look(n) }()
				<-store.seen
				require.NoError(t, change(n))
				close(store.release)
				<-done
				_, err = n.Stat(t.Context(), "/m/d/f", nil)
				require.True(t, errors.Is(err, fs.ErrNotExist), "it is back: %v", err)
			})
		}
	}
}

// holding is a store whose next answer of a kind is kept back until release is closed.
type holding struct {
	*memufs.Store
	op            string
	armed         atomic.Bool
	seen, release chan struct{}
}

func (h *holding) hold(op string) {
	if op == h.op && h.armed.CompareAndSwap(true, false) {
		close(h.seen)
		<-h.release
	}
}

func (h *holding) Stat(ctx context.Context, key string) (driver.Attr, error) {
	a, err := h.Store.Stat(ctx, key)
	h.hold("stat")
	return a, err
}

func (h *holding) List(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
	p, err := h.Store.List(ctx, o)
	h.hold("list")
	return p, err
}

// TestLookMeetsWhatWasJustRecorded: a look that finds a name gone takes it out of the replica, also if what an earlier look
// found gets there while ours begins.
func TestLookMeetsWhatWasJustRecorded(t *testing.T) {
	c := cachefstest.New(t, 1, func(cfg *cachefs.Config) { cfg.Dir = "" })
	n, s := c.Node(), c.Store.UFS()
	sync := &cachefs.StatOptions{Sync: true}
	for i := range 2000 {
		putStore(t, c, "f", content(uint32(i), 9))
		_, err := n.Stat(t.Context(), "/mem/f", sync)
		require.NoError(t, err)
		for range i % 50 {
			runtime.Gosched()
		}
		require.NoError(t, s.Delete(t.Context(), "f"))
		_, err = n.Stat(t.Context(), "/mem/f", sync)
		require.ErrorIs(t, err, cachefs.ErrNotExist, "look %d", i)
		_, err = n.Stat(t.Context(), "/mem/f", nil)
		require.ErrorIs(t, err, cachefs.ErrNotExist, "known since look %d", i)
	}
}
