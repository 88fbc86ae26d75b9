package tier_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// TestClosedStore calls everything after Close.
func TestClosedStore(t *testing.T) {
	ctx := t.Context()
	s := openWith(t, tier.Options{FS: vfs.NewMem()}, memory(mib), ssd(4*mib, "/d"))
	require.NoError(t, s.Put(ctx, id(1), body(1, 100), tier.PutOptions{}))
	require.NoError(t, s.Put(ctx, id(2), body(2, 100), tier.PutOptions{MinKind: tier.SSD}))
	b := s.Get(id(1))
	require.NotNil(t, b)
	closeStore(t, s)
	require.NoError(t, s.Close(ctx), "twice")

	_, ok := b.ReadAt(make([]byte, 10), 0)
	require.False(t, ok, "a handle of before is dead")
	_, ok = b.View(0, 10)
	require.False(t, ok)
	for n := 1; n < 4; n++ {
		require.Nil(t, s.Get(id(n)))
		_, _, ok = s.Has(id(n))
		require.False(t, ok)
		_, _, err := s.ReadAt(ctx, id(n), make([]byte, 10), 0, true)
		require.ErrorIs(t, err, tier.ErrClosed)
		_, err = s.View(ctx, id(n), 0, 10)
		require.ErrorIs(t, err, tier.ErrClosed)
		_, err = s.Promote(ctx, id(n))
		require.ErrorIs(t, err, tier.ErrClosed)
		_, err = s.Create(ctx, id(n), 0, tier.PutOptions{})
		require.ErrorIs(t, err, tier.ErrClosed)
		require.ErrorIs(t, s.Put(ctx, id(n), body(n, 100), tier.PutOptions{}), tier.ErrClosed)
		require.ErrorIs(t, s.Put(ctx, id(n), body(n, 100), tier.PutOptions{MinKind: tier.SSD}), tier.ErrClosed)
		require.ErrorIs(t, s.Save(ctx, id(n)), tier.ErrClosed)
		require.ErrorIs(t, s.Hold(id(n)), tier.ErrClosed)
		require.ErrorIs(t, s.Pin(id(n)), tier.ErrClosed)
		s.Unhold(id(n))
		s.Unpin(id(n))
		s.Drop(id(n))
		s.DropFile(id(n).File())
	}
	require.ErrorIs(t, s.SetQuota(ctx, tier.SSD, "/d", 2*mib), tier.ErrClosed)
	for range s.All() {
	}
	s.Metrics()
	<-s.Recovered()
}

// TestCloseMeetsWork closes a store while others read and write it: each call works or says that it is closed, and what was put
// into it before is on the disk.
func TestCloseMeetsWork(t *testing.T) {
	for round := range 20 {
		disk, ctx := vfs.NewMem(), t.Context()
		s := openWith(t, tier.Options{FS: disk, Poison: true}, memory(mib), ssd(8*mib, "/d"))
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for g := range errs {
			wg.Go(func() {
				p := make([]byte, 20*kib)
				for n := 0; ; n++ {
					err := s.Put(ctx, id(g*1000+n), body(n, 20*kib), tier.PutOptions{Hold: n < 5})
					if err == nil {
						var got int
						got, _, err = s.ReadAt(ctx, id(g*1000+n), p, 0, true)
						if err == nil && string(p[:got]) != string(body(n, 20*kib)) {
							err = errWrong
						}
					}
					if errors.Is(err, tier.ErrMiss) && n >= 5 {
						err = nil // evicted
					}
					if err != nil {
						if !errors.Is(err, tier.ErrClosed) {
							errs[g] = err
						}
						return
					}
				}
			})
		}
		for range round {
			if v, err := s.View(ctx, id(1), 0, 1); err == nil { // some time goes by
				v.Release()
			}
		}
		closeStore(t, s)
		wg.Wait()
		require.NoError(t, errors.Join(errs...))
	}
}

// TestCloseNamesAWriterThatLeaks ends Close with its context while a block is being written; the Writer then leaves nothing.
func TestCloseNamesAWriterThatLeaks(t *testing.T) {
	s := openWith(t, tier.Options{}, memory(mib))
	w, err := s.Create(t.Context(), id(1), 0, tier.PutOptions{})
	require.NoError(t, err)
	_, err = w.Write(body(1, 100))
	require.NoError(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, s.Close(ended), "1 blocks are being written")
	_, err = w.Commit(t.Context())
	require.ErrorIs(t, err, tier.ErrClosed)
	require.Nil(t, s.Get(id(1)))
}

// TestCommitMeetsClose commits blocks while Close writes memory to the disk: what it says is there is there after the next Open.
func TestCommitMeetsClose(t *testing.T) {
	ctx, mem := t.Context(), vfs.NewMem()
	saving, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	fsys := vfs.NewFaulty(mem, func(op vfs.Op) error {
		if op.Kind == vfs.OpWrite && strings.HasPrefix(op.Name, "/d/data") {
			once.Do(func() { close(saving); <-goOn })
		}
		return nil
	})
	s := openWith(t, tier.Options{FS: fsys}, memory(mib), ssd(4*mib, "/d"))
	require.NoError(t, s.Put(ctx, id(60), body(60, 100), tier.PutOptions{Hold: true}))
	var writers []*tier.Writer
	for n := 1; n < 40; n++ {
		w, err := s.Create(ctx, id(n), 100, tier.PutOptions{Hold: true})
		require.NoError(t, err)
		_, err = w.Write(body(n, 100))
		require.NoError(t, err)
		writers = append(writers, w)
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close(context.WithoutCancel(ctx)) }()
	<-saving
	var there []int
	for i, w := range writers {
		if _, err := w.Commit(ctx); err == nil {
			there = append(there, i+1)
		} else {
			require.ErrorIs(t, err, tier.ErrClosed)
		}
	}
	close(goOn)
	require.NoError(t, <-closed)
	s = open(t, mem, memory(mib), ssd(4*mib, "/d"))
	requireBlock(t, s, 60, 100)
	for _, n := range there {
		requireBlock(t, s, n, 100)
	}
}
