package journal_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
)

// TestClockThatGoesBack stamps with a clock that loses an hour at each reading, over a restart from the log and one from a checkpoint.
func TestClockThatGoesBack(t *testing.T) {
	now := time.Unix(2_000_000_000, 0)
	cfg := journal.Config{Dir: t.TempDir(), CheckpointEvery: 1 << 40, Now: func() time.Time {
		now = now.Add(-time.Hour)
		return now
	}}
	var last int64
	for range 3 {
		j, r := open(t, cfg)
		for range 5 {
			add(t, j, "k")
			stamped := r.times[len(r.times)-1]
			require.Greater(t, stamped, last)
			require.Equal(t, stamped, j.Time())
			last = stamped
		}
		require.NoError(t, j.Checkpoint(t.Context()))
		require.NoError(t, j.Close(t.Context()))
		cfg.CheckpointEvery = 1
	}
}

// TestCheckpointBesideChanges proposes while checkpoints are made all the time.
func TestCheckpointBesideChanges(t *testing.T) {
	cfg := journal.Config{Dir: t.TempDir(), CheckpointEvery: 20, SegmentSize: 4 << 10}
	j, _ := open(t, cfg)
	for range 500 {
		add(t, j, "k")
	}
	require.Greater(t, j.Metrics().Checkpoints, uint64(2))
	require.NoError(t, j.Close(t.Context()))
	require.LessOrEqual(t, len(files(t, cfg.Dir, "checkpoints/*")), 2)
	_, r := open(t, cfg)
	require.Equal(t, 500, r.get("k"))
}
