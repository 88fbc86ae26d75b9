package tier_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// TestHitTakesNoLock reads from memory, and from a disk what that alone has, while every lock of the tiers is held. tier/internal/disk
// has such a test for its index.
func TestHitTakesNoLock(t *testing.T) {
	s, ctx := open(t, vfs.NewMem(), memory(mib), ssd(64*mib, "/d")), t.Context()
	require.NoError(t, s.Put(ctx, id(1), body(1, 60*kib), putDefault))
	require.NoError(t, s.Put(ctx, id(3), body(3, 60*kib), tier.PutOptions{MinKind: tier.SSD}))
	b := s.Get(id(1))
	require.NotNil(t, b)
	require.NoError(t, s.Put(ctx, id(2), body(2, 60*kib), putDefault), "a beat later, so that the policy is told of hits again")
	ctx, cancel := context.WithTimeout(ctx, closeTime)
	defer cancel()
	release := s.LockAll(ctx)
	defer release()
	done := make(chan error, 1)
	go func() {
		p := make([]byte, 100)
		b.ReadAt(p, 500)
		s.Get(id(1)).ReadAt(p, 0)
		_, _, err := s.ReadAt(ctx, id(1), p, 0, true)
		if v, ok := b.View(0, 10); ok {
			v.Release()
		}
		s.Has(id(1))
		_, kind, fromDisk := s.ReadAt(ctx, id(3), p, 0, false)
		if err == nil && kind != tier.SSD {
			err = fmt.Errorf("read from tier %v", kind)
		}
		done <- errors.Join(err, fromDisk)
	}()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-ctx.Done():
		t.Fatal("a hit waits for a lock")
	}
}

// TestHitAllocatesNothing counts the allocations of the ways to read from memory.
func TestHitAllocatesNothing(t *testing.T) {
	s, ctx := open(t, vfs.NewMem(), memory(mib)), t.Context()
	require.NoError(t, s.Put(ctx, id(1), body(1, 60*kib), putDefault))
	b, p := s.Get(id(1)), make([]byte, 4096)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		b.ReadAt(p, 64)
		_, _, _ = s.ReadAt(ctx, id(1), p, 0, false)
		if v, ok := s.Get(id(1)).View(0, 100); ok {
			v.Release()
		}
	}))
}
