package tier_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// TestHeldIsNeverLost holds blocks while others push them through three tiers: what Hold returned nil for is there with its bytes until
// Unhold, wherever it moves, and what was dropped stays away.
func TestHeldIsNeverLost(t *testing.T) {
	s, ctx := open(t, vfs.NewMem(), memory(256*kib), ssd(512*kib, "/ssd"), hdd(2*mib, "/hdd")), t.Context()
	stop := make(chan struct{})
	var noise, work sync.WaitGroup
	noise.Go(func() { // pushes
		for n := 100_000; ; n++ {
			select {
			case <-stop:
				return
			default:
				_ = s.Put(ctx, id(n), make([]byte, 12*kib), tier.PutOptions{MinKind: tier.Kind(n % 2)})
				_, _ = s.Promote(ctx, id(n-rand.IntN(20)))
			}
		}
	})
	errs := make([]error, 3)
	for g := range errs {
		work.Go(func() { errs[g] = holder3(ctx, s, g) })
	}
	work.Wait()
	close(stop)
	noise.Wait()
	require.NoError(t, errors.Join(errs...))
	for b := range s.All() {
		require.False(t, b.Held, "%v stays held", b.ID)
	}
}

// holder3 holds up to ten blocks at a time, and looks at them.
func holder3(ctx context.Context, s *tier.Store, g int) error {
	rng := rand.New(rand.NewPCG(uint64(g), 7))
	var held []int
	for n := g * 10_000; n < g*10_000+600; n++ {
		o := tier.PutOptions{Hold: n%2 == 0, MinKind: tier.Kind(n % 3 / 2)}
		if err := s.Put(ctx, id(n), body(n, 6*kib), o); err != nil {
			return fmt.Errorf("put %d: %w", n, err)
		}
		if o.Hold || s.Hold(id(n)) == nil {
			held = append(held, n)
		}
		k := rng.IntN(len(held) + 1)
		if k < len(held) {
			if err := look(ctx, s, held[k], rng); err != nil {
				return err
			}
		}
		if len(held) == 10 {
			k := rng.IntN(10)
			s.Unhold(id(held[k]))
			if n%4 == 0 {
				s.Drop(id(held[k]))
				if kind, _, ok := s.Has(id(held[k])); ok {
					return fmt.Errorf("block %d was dropped and is in %v", held[k], kind)
				}
			}
			held = append(held[:k], held[k+1:]...)
		}
	}
	for _, n := range held {
		s.Unhold(id(n))
	}
	return nil
}

// look reads a held block in one of the ways.
func look(ctx context.Context, s *tier.Store, n int, rng *rand.Rand) error {
	p := make([]byte, 6*kib)
	switch rng.IntN(3) {
	case 0:
		if _, err := s.Promote(ctx, id(n)); errors.Is(err, tier.ErrMiss) {
			return fmt.Errorf("promote %d: %w", n, err)
		}
	case 1:
		if err := s.Save(ctx, id(n)); err != nil && !errors.Is(err, tier.ErrNoSpace) {
			return fmt.Errorf("save %d: %w", n, err)
		}
	}
	if got, kind, err := s.ReadAt(ctx, id(n), p, 0, true); err != nil || !bytes.Equal(p[:got], body(n, 6*kib)) {
		return fmt.Errorf("block %d, held: %d bytes from %v: %w", n, got, kind, err)
	}
	return nil
}

// TestMovingIsNoMiss looks for held blocks while they go up and down: a block that changes its place between two looks into the tiers
// is there all the same.
func TestMovingIsNoMiss(t *testing.T) {
	const held = 120
	s, ctx := open(t, vfs.NewMem(), memory(256*kib), ssd(512*kib, "/ssd"), hdd(2*mib, "/hdd")), t.Context()
	for n := range held {
		require.NoError(t, s.Put(ctx, id(n), body(n, 6*kib), tier.PutOptions{Hold: true}))
	}
	var work sync.WaitGroup
	errs, rounds := make([]error, 4), racetest.Fewer(8000)
	for g := range errs {
		work.Go(func() {
			rng, p := rand.New(rand.NewPCG(uint64(g), 9)), make([]byte, 16)
			for i := 0; i < rounds && errs[g] == nil; i++ {
				n := rng.IntN(held)
				_ = s.Put(ctx, id(100_000*(g+1)+i), p, tier.PutOptions{})
				if _, _, ok := s.Has(id(n)); !ok {
					errs[g] = fmt.Errorf("has %d: %w", n, tier.ErrMiss)
				} else if _, err := s.Promote(ctx, id(n)); errors.Is(err, tier.ErrMiss) {
					errs[g] = fmt.Errorf("promote %d: %w", n, err)
				} else if _, _, err := s.ReadAt(ctx, id(n), p, 0, false); err != nil {
					errs[g] = fmt.Errorf("read %d: %w", n, err)
				}
			}
		})
	}
	work.Wait()
	require.NoError(t, errors.Join(errs...))
}

// TestPolicyKeepsItsSlots opens a directory that is full and changes it while its policy is being told what is there: each block is asked to
// leave once, so that a smaller quota is reached.
func TestPolicyKeepsItsSlots(t *testing.T) {
	disk, ctx := vfs.NewMem(), t.Context()
	for round := range 10 {
		s := openWith(t, tier.Options{FS: disk}, ssd(8*mib, "/d"))
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for n := range 300 {
					_ = s.Put(ctx, id(g*1000+n), body(n, 4*kib), tier.PutOptions{})
					s.Drop(id((g+1)%4*1000 + n + round))
				}
			})
		}
		wg.Wait()
		require.NoError(t, s.SetQuota(ctx, tier.SSD, "/d", mib))
		m := s.Metrics().Tiers[0]
		require.LessOrEqual(t, m.Used, m.Capacity)
		closeStore(t, s)
	}
}
