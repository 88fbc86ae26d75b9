package journal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
)

// collect reads n changes from index from on.
func collect(t *testing.T, j *journal.Journal, from uint64, n int) []string {
	t.Helper()
	var out []string
	for e, err := range j.Subscribe(t.Context(), from) {
		require.NoError(t, err)
		require.Equal(t, from+uint64(len(out)), e.Index)
		require.NotZero(t, e.Time)
		out = append(out, string(e.Cmd))
		if len(out) == n {
			break
		}
	}
	return out
}

func TestSubscribeFromEachIndex(t *testing.T) {
	cfg := journal.Config{Dir: t.TempDir(), SegmentSize: 2 << 10, CheckpointsKept: 1}
	j, _ := open(t, cfg)
	var want []string
	for i := range 700 { // more than one point
		add(t, j, fmt.Sprint(i))
		want = append(want, fmt.Sprint("add ", i))
	}
	for _, reopened := range []bool{false, true} {
		if reopened {
			require.NoError(t, j.Close(t.Context()))
			cfg.CheckpointEvery = 1 << 40
			j, _ = open(t, cfg)
		}
		for _, from := range []uint64{1, 2, 255, 256, 257, 300, 512, 600, 700} {
			require.Equal(t, want[from-1:], collect(t, j, from, len(want)-int(from)+1), "from %d", from)
		}
	}
}

func TestSubscribeWaitsAndEnds(t *testing.T) {
	j, _ := open(t, journal.Config{})
	got := make(chan string)
	ended := make(chan error, 1)
	go func() {
		for e, err := range j.Subscribe(t.Context(), 0) {
			if err != nil {
				ended <- err
				return
			}
			got <- string(e.Cmd)
		}
	}()
	for _, k := range []string{"a", "b", "c"} {
		add(t, j, k)
		require.Equal(t, "add "+k, <-got)
	}
	require.NoError(t, j.Close(t.Context()))
	require.ErrorIs(t, <-ended, journal.ErrClosed)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	j, _ = open(t, journal.Config{})
	for _, err := range j.Subscribe(ctx, 0) {
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestSubscribeToCompactedNamesFirst(t *testing.T) {
	for name, cfg := range map[string]journal.Config{
		"memory": {}, "disk": {Dir: t.TempDir(), SegmentSize: 1 << 10, CheckpointsKept: 2},
	} {
		t.Run(name, func(t *testing.T) {
			j, _ := open(t, cfg)
			for i := range 300 {
				add(t, j, "k")
				if i == 99 || i == 199 {
					require.NoError(t, j.Checkpoint(t.Context()))
				}
			}
			first := uint64(101) // the older of two checkpoints
			if cfg.Dir == "" {
				first = 201
			}
			for range 2 {
				for _, err := range j.Subscribe(t.Context(), 50) {
					compacted, ok := errors.AsType[*journal.CompactedError](err)
					require.True(t, ok, "%v", err)
					require.Equal(t, first, compacted.First)
				}
				require.Len(t, collect(t, j, first, 300-int(first)+1), 300-int(first)+1)
				if cfg.Dir == "" {
					break
				}
				require.NoError(t, j.Close(t.Context()))
				cfg.CheckpointEvery = 1 << 40
				j, _ = open(t, cfg)
			}
		})
	}
}
