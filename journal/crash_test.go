package journal_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal"
)

var errPower = errors.New("power lost")

// crashed runs n changes on a fresh strict disk whose operation at and all behind it fail, and returns the disk and how many
// changes were acknowledged. hit says that there was such an operation.
func crashed(t *testing.T, n int, at int64) (disk *vfs.Mem, acked int, hit bool) {
	t.Helper()
	disk = vfs.NewMem()
	require.NoError(t, disk.MkdirAll("/d", 0o700))
	require.NoError(t, disk.SyncDir("/"))
	f := vfs.NewFaulty(disk, func(op vfs.Op) error {
		if op.Index >= at {
			hit = true
			return errPower
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	j, err := journal.Open(ctx, small("/d/j", f), newRegister())
	if err != nil {
		return disk, 0, hit
	}
	for i := range n {
		if _, _, err := j.Propose(ctx, journal.OpID{}, []byte("add k")); err != nil {
			break
		}
		acked++
		if i%4 == 3 && j.Checkpoint(ctx) != nil {
			break
		}
	}
	_ = j.Close(context.Background())
	return disk, acked, hit
}

// TestCrashAtEachOperation cuts the power after each disk operation and opens what is left: all that was synced, and of the
// rest nothing, or some of it torn and out of order.
func TestCrashAtEachOperation(t *testing.T) {
	const n = 10
	for at := int64(1); ; at++ {
		disk, acked, hit := crashed(t, n, at)
		left := []*vfs.Mem{disk.CrashKeepingNothing()}
		for seed := range uint64(3) {
			left = append(left, disk.Crash(rand.New(rand.NewPCG(uint64(at), seed))))
		}
		for i, d := range left {
			r := newRegister()
			j, err := journal.Open(t.Context(), small("/d/j", d), r)
			require.NoError(t, err, "operation %d, disk %d", at, i)
			got := r.get("k")
			require.GreaterOrEqual(t, got, acked, "operation %d, disk %d: an acknowledged change is lost", at, i)
			require.LessOrEqual(t, got, n, "operation %d, disk %d: a change came twice", at, i)
			add(t, j, "k")
			require.NoError(t, j.Close(t.Context()))
		}
		if !hit {
			return
		}
	}
}
