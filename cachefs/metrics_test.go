package cachefs_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/tier"
)

// Each look below a mount that the store is not asked for is one call saved; paths outside and the mount point itself
// would never have asked.
func TestStoreCallsSaved(t *testing.T) {
	c := cachefstest.New(t, 1)
	n, ctx := c.Node(), t.Context()
	putStore(t, c, "d/f", content(1, 100))
	saved := func(do func()) uint64 {
		t.Helper()
		before := n.Metrics().StoreCallsSaved
		do()
		return n.Metrics().StoreCallsSaved - before
	}
	stat := func(path string) func() { return func() { n.Stat(ctx, path, nil) } }
	list := func(path string) func() {
		return func() {
			for range n.List(ctx, path, nil) {
			}
		}
	}
	require.Zero(t, saved(stat("/mem/d/f")), "the store was asked")
	list("/mem/d")()
	before := c.Store.Calls()
	require.EqualValues(t, 1, saved(stat("/mem/d/f")))
	require.EqualValues(t, 1, saved(func() { require.NoError(t, calls[0].do(ctx, n, "/mem/d/f")) }), "Open")
	require.EqualValues(t, 2, saved(list("/mem/d")), "its look-up and its listing")
	require.EqualValues(t, 1, saved(stat("/mem/d/none")), "absent from a directory that was listed")
	require.Zero(t, saved(stat("/mem")))
	require.Zero(t, saved(stat("/")))
	require.Equal(t, before, c.Store.Calls())
}

// Equal looks at the same time are one call, and the others are counted as saved.
func TestMergedLooksAreSaved(t *testing.T) {
	c := cachefstest.New(t, 1)
	putStore(t, c, "f", content(1, 100))
	gate := make(chan struct{})
	c.Store.OnCall(func(op, _ string) error { <-gate; return nil })
	var wg, started sync.WaitGroup
	for range 8 {
		started.Add(1)
		wg.Go(func() {
			started.Done()
			_, err := c.Node().Stat(t.Context(), "/mem/f", nil)
			require.NoError(t, err)
		})
	}
	started.Wait()
	close(gate)
	wg.Wait()
	require.EqualValues(t, 7, c.Node().Metrics().StoreCallsSaved)
	require.Equal(t, 1, c.Store.Calls()["stat"]-statsOfMount())
}

// Metrics has what happened, each kind of it.
func TestMetrics(t *testing.T) {
	fail := make(chan struct{})
	c := cachefstest.New(t, 1, func(cfg *cachefs.Config) {
		cfg.BlockSize = 64 << 10
		cfg.Tiers[0].Size = 1 << 20
		cfg.PersistMinDelay = time.Millisecond
	})
	n, ctx := c.Node(), t.Context()
	const size = 4 << 20
	putStore(t, c, "big", content(1, size))
	require.Len(t, readAll(t, n, "/mem/big"), size)
	m := n.Metrics()
	require.EqualValues(t, 64, m.Fills)
	require.EqualValues(t, size, m.StoreBytes)
	require.GreaterOrEqual(t, m.Misses, uint64(1))
	require.Len(t, m.Tiers.Tiers, 2)
	memory, disk := m.Tiers.Tiers[0], m.Tiers.Tiers[1]
	require.Equal(t, tier.Memory, memory.Kind)
	require.GreaterOrEqual(t, memory.Admissions, uint64(64))
	require.NotZero(t, memory.Evictions+memory.Demotions, "4 MiB do not fit 1 MiB")
	require.NotZero(t, memory.Used)
	require.LessOrEqual(t, memory.Used, memory.Capacity)
	require.NotZero(t, disk.Used, "what left memory went down")
	require.EqualValues(t, 1, m.Stores["/mem"].Calls["stat"].Calls-int64(statsOfMount()))
	require.NotZero(t, m.Stores["/mem"].Calls["open"].Calls)
	require.EqualValues(t, size, m.Stores["/mem"].BytesRead)

	require.Len(t, readAll(t, n, "/mem/big"), size)
	m = n.Metrics()
	require.NotZero(t, m.DiskHits, "memory holds a quarter of it")
	require.NotZero(t, m.DiskBytes)
	require.EqualValues(t, size, m.StoreBytes, "the second pass is from the tiers")

	index := m.Journal.Index
	w, err := n.Create(ctx, "/mem/new", &cachefs.CreateOptions{WriteType: cachefs.AsyncThrough})
	require.NoError(t, err)
	require.Equal(t, 1, n.Metrics().Writers)
	down := errors.New("store is down")
	c.Store.OnCall(func(op, _ string) error {
		select {
		case <-fail:
			return nil
		default:
			return down
		}
	})
	_, err = w.Write(content(2, 1000))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	m = n.Metrics()
	require.Zero(t, m.Writers)
	require.Equal(t, 1, m.PersistBacklog)
	require.Greater(t, m.Journal.Index, index)
	var commits uint64
	for _, c := range m.Journal.Commit {
		commits += c
	}
	require.NotZero(t, commits, "latency of changes")
	require.Eventually(t, func() bool { return n.Metrics().PersistFailures > 0 }, 20*time.Second, time.Millisecond)
	close(fail)
	require.NoError(t, wait(n.Persist(ctx, "/mem/new", nil)))
	require.Eventually(t, func() bool { return n.Metrics().Persisted == 1 }, 20*time.Second, time.Millisecond) // counted behind the job
	m = n.Metrics()
	require.Zero(t, m.PersistBacklog)
	require.Zero(t, m.Intents)
}
