package journal_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal"
)

func TestProposeIsThereAfterReopen(t *testing.T) {
	cfg := journal.Config{Dir: t.TempDir()}
	j, _ := open(t, cfg)
	node := j.NodeID()
	for i := range 10 {
		require.Equal(t, uint64(i+1), add(t, j, "a"))
	}
	require.NoError(t, j.Close(t.Context()))
	require.NoError(t, j.Close(t.Context()))
	_, _, err := j.Propose(t.Context(), journal.OpID{}, []byte("add a"))
	require.ErrorIs(t, err, journal.ErrClosed)

	j, r := open(t, cfg)
	require.Equal(t, 10, r.get("a"))
	require.Equal(t, uint64(10), j.Index())
	require.Equal(t, node, j.NodeID())
	require.Equal(t, uint64(11), add(t, j, "a"))
}

func TestMemoryInBubble(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		began := time.Now()
		r := newRegister()
		j, err := journal.Open(t.Context(), journal.Config{CheckpointEvery: 100}, r)
		require.NoError(t, err)
		require.Less(t, time.Since(began), 20*time.Millisecond)
		for range 1000 {
			add(t, j, "x")
		}
		time.Sleep(time.Hour)
		require.True(t, j.Primary())
		add(t, j, "x")
		require.NoError(t, j.Checkpoint(t.Context()))
		require.Positive(t, j.Metrics().Checkpoints)
		ctx := j.PrimaryContext()
		require.NoError(t, ctx.Err())
		require.NoError(t, j.Close(context.Background()))
		require.Error(t, ctx.Err())
	})
}

// TestAloneLeadsAtOnce: no election timer is waited for, whatever the disk, at the first Open and at the next.
func TestAloneLeadsAtOnce(t *testing.T) {
	for name, cfg := range map[string]journal.Config{"memory": {}, "disk": {FS: vfs.NewMem(), Dir: "/j"}} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				for range 3 {
					began := time.Now()
					j, err := journal.Open(t.Context(), cfg, newRegister())
					require.NoError(t, err)
					require.True(t, j.Primary())
					add(t, j, "k")
					require.Less(t, time.Since(began), 20*time.Millisecond)
					require.NoError(t, j.Close(t.Context()))
				}
			})
		})
	}
}

func TestConcurrentProposersEachOnce(t *testing.T) {
	for name, cfg := range map[string]journal.Config{"memory": {}, "disk": {Dir: t.TempDir(), SegmentSize: 4 << 10}} {
		t.Run(name, func(t *testing.T) {
			j, r := open(t, cfg)
			var wg sync.WaitGroup
			seen := make([]uint64, 32*20)
			for g := range 32 {
				wg.Go(func() {
					s := j.Session()
					for i := range 20 {
						op := s.Next()
						_, index, err := j.Propose(t.Context(), op, []byte("add k"))
						if err != nil {
							t.Error(err)
						}
						s.Done(op)
						seen[g*20+i] = index
					}
				})
			}
			wg.Wait()
			require.Equal(t, 640, r.get("k"))
			unique := map[uint64]bool{}
			for _, at := range seen {
				unique[at] = true
			}
			require.Len(t, unique, 640)
			require.NoError(t, j.Barrier(t.Context()))
			require.IsNonDecreasing(t, r.times)
		})
	}
}

// TestIdentify: the id is known before the journal is open, and is the one that Open finds.
func TestIdentify(t *testing.T) {
	cfg := journal.Config{Dir: filepath.Join(t.TempDir(), "journal")}
	id, err := journal.Identify(cfg)
	require.NoError(t, err)
	require.NotEmpty(t, id)
	again, err := journal.Identify(cfg)
	require.NoError(t, err)
	require.Equal(t, id, again)
	j, err := journal.Open(t.Context(), cfg, newRegister())
	require.NoError(t, err)
	require.Equal(t, id, j.NodeID())
	_, err = journal.Identify(cfg)
	require.ErrorContains(t, err, "held by process", "a directory in use")
	require.NoError(t, j.Close(t.Context()))
	first, err := journal.Identify(journal.Config{})
	require.NoError(t, err)
	second, err := journal.Identify(journal.Config{})
	require.NoError(t, err)
	require.NotEqual(t, first, second, "nothing keeps them")
}
