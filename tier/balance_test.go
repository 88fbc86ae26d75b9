package tier_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// TestMemoryIsGivenBack: whatever is done to blocks at the same time, none leaves its sums, and when all have been dropped no memory is
// in use: neither theirs nor their sums'.
func TestMemoryIsGivenBack(t *testing.T) {
	ctx := t.Context()
	s := open(t, vfs.NewMem(), memory(4*mib), ssd(16*mib, "/d"))
	const blocks, rounds = 200, 1500
	var all sync.WaitGroup
	for g := range 6 {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(g)))
			for range rounds {
				n := rng.IntN(blocks)
				useAndSum(ctx, s, rng, id(n), body(n, 1+n*1500))
			}
		})
	}
	all.Wait()
	for n := range blocks {
		s.Drop(id(n))
	}
	for _, m := range s.Metrics().Tiers {
		require.Zero(t, m.Corrupt, m.Kind)
		require.Zero(t, m.Blocks, m.Kind)
	}
	require.Eventually(t, func() bool { return s.Metrics().Tiers[0].Used == 0 }, 10*time.Second, time.Millisecond, "the evictor may have one yet")
}

// useAndSum does one thing that makes, keeps, compares or frees sums of a block.
func useAndSum(ctx context.Context, s *tier.Store, rng *rand.Rand, id tier.BlockID, data []byte) {
	switch rng.IntN(6) {
	case 0:
		_ = s.Put(ctx, id, data, tier.PutOptions{})
	case 1:
		w, err := s.Create(ctx, id, int64(len(data)), tier.PutOptions{})
		if err != nil {
			return
		}
		defer w.Abort()
		if _, err := w.Write(data); err == nil && rng.IntN(3) > 0 {
			w.Sums(0, hashes(data))
			_, _ = w.Commit(ctx)
		}
	case 2:
		if b := s.Get(id); b != nil {
			if v, _, ok := b.ViewPieces(0, len(data)); ok {
				v.Release()
			}
		}
	case 3:
		s.Drop(id)
	case 4:
		_, _ = s.Promote(ctx, id)
	case 5:
		s.Verify(id)
	}
}
