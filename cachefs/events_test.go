package cachefs_test

import (
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs/memufs"
)

// heard collects what Events tell, by name.
type heard struct {
	mu   sync.Mutex
	what map[string][]any
}

func (h *heard) hear(name string, info any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.what[name] = append(h.what[name], info)
}

func (h *heard) of(name string) []any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.what[name]
}

// eventually waits for an event; what happens behind has no other end to wait for.
func (h *heard) eventually(t *testing.T, name string) any {
	t.Helper()
	require.Eventually(t, func() bool { return len(h.of(name)) > 0 }, 20*time.Second, time.Millisecond, "no %s", name)
	return h.of(name)[0]
}

func listen(h *heard) func(*cachefs.Config) {
	h.what = map[string][]any{}
	return func(cfg *cachefs.Config) {
		cfg.Events = cachefs.Events{
			FileLost:      func(i cachefs.FileInfo) { h.hear("FileLost", i) },
			FilePersisted: func(i cachefs.FileInfo) { h.hear("FilePersisted", i) },
			PersistFailed: func(i cachefs.PersistInfo) { h.hear("PersistFailed", i) },
			StoreChanged:  func(i cachefs.FileInfo) { h.hear("StoreChanged", i) },
			Tier:          tier.Events{Evicted: func(i tier.EvictInfo) { h.hear("Evicted", i) }},
		}
	}
}

func TestEventStoreChanged(t *testing.T) {
	var h heard
	c := cachefstest.New(t, 1, listen(&h))
	putStore(t, c, "f", content(1, 1000))
	f, err := c.Node().Open(t.Context(), "/mem/f", nil)
	require.NoError(t, err)
	defer f.Close()
	old, err := f.Stat()
	require.NoError(t, err)
	putStore(t, c, "f", content(2, 1000))
	for range 3 {
		_, err = io.ReadAll(f)
		require.ErrorIs(t, err, cachefs.ErrChanged)
	}
	want := cachefs.FileInfo{Path: "/mem/f", FileID: old.(*cachefs.Info).FileID(), Size: 1000}
	require.Equal(t, []any{want}, h.of("StoreChanged"), "once for the open file, of the version that it wanted")
}

func TestEventsOfPersisting(t *testing.T) {
	var h heard
	c := cachefstest.New(t, 1, listen(&h), func(cfg *cachefs.Config) { cfg.PersistMinDelay = time.Millisecond })
	down := errors.New("store is down")
	c.Store.OnCall(func(op, _ string) error { return down })
	w, err := c.Node().Create(t.Context(), "/mem/f", &cachefs.CreateOptions{WriteType: cachefs.AsyncThrough})
	if err != nil { // the look for an old file of the name met the store
		c.Store.OnCall(nil)
		w, err = c.Node().Create(t.Context(), "/mem/f", &cachefs.CreateOptions{WriteType: cachefs.AsyncThrough})
		require.NoError(t, err)
		c.Store.OnCall(func(op, _ string) error { return down })
	}
	_, err = w.Write(content(1, 1000))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	failed := h.eventually(t, "PersistFailed").(cachefs.PersistInfo)
	require.Equal(t, "/mem/f", failed.Path)
	require.EqualValues(t, 1000, failed.Size)
	require.ErrorIs(t, failed.Err, down)
	require.Positive(t, failed.Retry)
	require.Empty(t, h.of("FilePersisted"))
	c.Store.OnCall(nil)
	persisted := h.eventually(t, "FilePersisted").(cachefs.FileInfo)
	require.Equal(t, failed.FileInfo, persisted)
	require.Empty(t, h.of("FileLost"))
}

// A file whose only copy was in memory is lost with the process, if the journal outlives it.
func TestEventFileLost(t *testing.T) {
	var h heard
	cfg := cachefs.Config{Dir: t.TempDir(), Tiers: []tier.Config{{Size: 8 << 20}}}
	listen(&h)(&cfg)
	n, err := cachefs.Open(t.Context(), cfg)
	require.NoError(t, err)
	w, err := n.Create(t.Context(), "/f", nil)
	require.NoError(t, err)
	_, err = w.Write([]byte("gone"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, n.Close())
	n, err = cachefs.Open(t.Context(), cfg)
	require.NoError(t, err)
	defer n.Close()
	lost := h.eventually(t, "FileLost").(cachefs.FileInfo)
	require.Equal(t, "/f", lost.Path)
	require.EqualValues(t, 4, lost.Size)
	f, err := n.Open(t.Context(), "/f", nil)
	require.NoError(t, err)
	defer f.Close()
	_, err = io.ReadAll(f)
	require.ErrorIs(t, err, cachefs.ErrLost)
}

// Unmount refuses to lose what is only here; forced, it names each file.
func TestForcedUnmountNamesWhatIsLost(t *testing.T) {
	var h heard
	c := cachefstest.New(t, 1, listen(&h))
	n := c.Node()
	require.NoError(t, n.Mount(t.Context(), "/x", "", &cachefs.MountOptions{Store: memufs.New(nil).UFS()}))
	for _, o := range []cachefs.CreateOptions{{WriteType: cachefs.MustCache}, {WriteType: cachefs.CacheThrough}} {
		w, err := n.Create(t.Context(), map[cachefs.WriteType]string{cachefs.MustCache: "/x/only", cachefs.CacheThrough: "/x/stored"}[o.WriteType], &o)
		require.NoError(t, err)
		_, err = w.Write([]byte("bytes"))
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	writing, err := n.Create(t.Context(), "/x/writing", nil)
	require.NoError(t, err)
	err = n.Unmount(t.Context(), "/x", nil)
	require.ErrorIs(t, err, cachefs.ErrBusy)
	require.ErrorContains(t, err, "Force")
	require.NoError(t, writing.Abort())
	err = n.Unmount(t.Context(), "/x", nil)
	require.ErrorIs(t, err, cachefs.ErrNotPersisted)
	require.ErrorContains(t, err, "Persist them")
	require.Empty(t, h.of("FileLost"))
	require.NoError(t, n.Unmount(t.Context(), "/x", &cachefs.UnmountOptions{Force: true}))
	lost := h.of("FileLost")
	require.Len(t, lost, 1)
	require.Equal(t, "/x/only", lost[0].(cachefs.FileInfo).Path)
	_, err = n.Stat(t.Context(), "/x", nil)
	require.ErrorIs(t, err, cachefs.ErrNotExist)
}

func TestEventEvicted(t *testing.T) {
	var h heard
	c := cachefstest.New(t, 1, listen(&h), func(cfg *cachefs.Config) {
		cfg.BlockSize = 64 << 10
		cfg.Tiers[0].Size = 1 << 20
	})
	putStore(t, c, "f", content(1, 4<<20))
	require.Len(t, readAll(t, c.Node(), "/mem/f"), 4<<20)
	e := h.eventually(t, "Evicted").(tier.EvictInfo)
	require.Equal(t, tier.Memory, e.From)
	require.Equal(t, tier.SSD, e.To)
	require.False(t, e.Gone)
	require.EqualValues(t, 64<<10, e.Length)
}
