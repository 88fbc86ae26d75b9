package disk_test

import (
	"math/bits"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier/internal/disk"
)

// TestHitTakesNoLock looks up and reads while every shard's lock is held, blocks that nobody has read since Open, short and long.
func TestHitTakesNoLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	d := open(t, vfs.OS, dir, disk.Options{})
	const long = 5<<20 + 3 // more pieces than an entry has bits for
	for i := range 100 {
		put(t, d, blockID(i, 0), 1000+i)
	}
	put(t, d, blockID(100, 0), long)
	require.NoError(t, d.Close())
	d = open(t, vfs.OS, dir, disk.Options{})
	<-d.Recovered()
	release := d.LockShards()
	defer release()
	bad := make(chan int, 1)
	go func() {
		defer close(bad)
		p := make([]byte, 2000)
		for i := range 101 {
			id := blockID(i, 0)
			_, length, _, ok := d.Lookup(id)
			n, err := d.ReadAt(id, p, 0)
			r, lent := d.Range(id, 0, 10)
			if !ok || err != nil || lent != nil || n != int(min(length, 2000)) {
				bad <- i
				return
			}
			r.Release()
			if _, err := d.ReadAt(blockID(i, 1), p, 0); err != disk.ErrMiss {
				bad <- i
				return
			}
		}
	}()
	select {
	case i, failed := <-bad:
		require.False(t, failed, "block %d", i)
	case <-time.After(20 * time.Second):
		t.Fatal("a hit waits for a lock")
	}
}

// TestLookupBesideChanges looks for blocks of one shard that stay, while others come and go in their cells, the shard grows, and some get
// other places: none is missed, none has another's fields, and what has gone is not found. Most that could go wrong does where a
// reader is stopped in the middle, so there are more of them than cores.
func TestLookupBesideChanges(t *testing.T) {
	const stay, moved, pass, rounds = 600, 4, 150, 150
	x := disk.NewShard(0)
	var ids, passing [stay]disk.ID
	for i := range stay {
		ids[i], passing[i] = blockID(i, 0), blockID(i, 1)
		x.Put(ids[i], uint32(i+1))
	}
	var readers sync.WaitGroup
	var end atomic.Bool
	for g := range 8 {
		readers.Go(func() {
			for k := g; !end.Load(); k++ {
				i := k * 7 % stay
				if k%2 == 0 {
					i = k / 2 % moved
				}
				length, torn, ok := x.Look(ids[i])
				if !ok || torn || int(length) != i+1 {
					t.Errorf("block %d: found %v, torn %v, length %d", i, ok, torn, length)
					return
				}
			}
		})
	}
	rng := rand.New(rand.NewPCG(1, 3))
	for round := range rounds {
		grown := pass + round*(stay-pass)/rounds
		for i := range grown {
			x.Put(passing[i], 7)
		}
		for _, i := range rng.Perm(grown) {
			x.Delete(passing[i])
		}
		if _, _, ok := x.Look(passing[0]); ok {
			t.Fatal("found after it was deleted")
		}
	}
	for i, began := 0, time.Now(); time.Since(began) < time.Second; i++ {
		x.Move(ids[i%moved], rng.Uint32())
	}
	end.Store(true)
	readers.Wait()
}

// TestLookupBesideRemovals looks for one of two blocks with the same home cell, which lies a long probe away from it, while the other one,
// at home, is removed: so it moves home behind the probe's back, again and again.
func TestLookupBesideRemovals(t *testing.T) {
	const run, lasts = 1000, 2 * time.Second
	x := disk.NewShard(4 * run)
	var pair []disk.ID
	for i, taken := 0, [run]bool{}; len(pair) < 2 || slices.Contains(taken[1:], false); i++ {
		id := blockID(i, 0)
		switch home := x.Home(id); {
		case home == 0 && len(pair) < 2:
			pair = append(pair, id)
		case home > 0 && home < run && !taken[home]:
			taken[home] = true
			x.Put(id, 0)
		}
	}
	x.Put(pair[1], 1)
	x.Put(pair[0], 0)
	var round atomic.Int64 // in each the block pair[round%2] stays
	var end atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for !end.Load() {
				at := round.Load()
				length, _, ok := x.Look(pair[at%2])
				if (!ok || int64(length) != at%2) && round.Load() == at {
					t.Errorf("round %d: found %v, length %d", at, ok, length)
					return
				}
			}
		})
	}
	for i, began := int64(0), time.Now(); time.Since(began) < lasts; i++ {
		goes := pair[(i+1)%2]
		x.Delete(goes)
		x.Put(goes, uint32(i+1)%2)
		round.Add(1)
	}
	end.Store(true)
	readers.Wait()
}

// TestLookupBesideAStoppedRemoval: one that is stopped anywhere while it moves cells, with its lock, keeps nobody from what is there, nor
// from hearing what is not. Who comes late to an entry, which is another block's by then, does not take it for his.
func TestLookupBesideAStoppedRemoval(t *testing.T) {
	const blocks = 200
	x := disk.NewShard(0)
	for i := range blocks {
		x.Put(blockID(i, 0), uint32(i))
	}
	looked, steps := make(chan struct{}), 0
	go func() {
		defer close(looked)
		for gone := range blocks {
			x.DeleteSlowly(blockID(gone, 0), func() {
				steps++
				for i := range blocks {
					length, _, ok := x.Look(blockID(i, 0))
					if ok != (i > gone) || ok && length != uint32(i) {
						t.Errorf("%d is being removed: block %d: found %v, length %d", gone, i, ok, length)
					}
				}
			})
		}
	}()
	select {
	case <-looked:
	case <-time.After(20 * time.Second):
		t.Fatal("a look-up waits for a removal")
	}
	require.Greater(t, steps, 5*blocks/2, "cells were moved")
	x.Put(blockID(5, 0), 5)
	require.True(t, x.Found(blockID(5, 0), blockID(5, 0)))
	require.False(t, x.Found(blockID(5, 0), blockID(6, 0)))
}

// TestFoundIsLogged: what a look-up finds of a block, the log has: so Sync, which goes by it, makes that durable.
func TestFoundIsLogged(t *testing.T) {
	d := open(t, vfs.NewMem(), "/d", disk.Options{})
	old, added := blockID(1, 0), blockID(2, 0)
	put(t, d, old, 1000)
	for what, change := range map[string]func() error{
		"put":  func() error { _, err := d.Put(added, [][]byte{content(added, 500)}, 0); return err },
		"mark": func() error { return d.SetFlags(old, disk.Held) },
		"move": func() error { return d.Rescue(d.Segment(old)) },
	} {
		t.Run(what, func(t *testing.T) {
			found := func() (all [3]any) {
				_, _, flags, _ := d.Lookup(old)
				return [3]any{flags, d.Segment(old), d.Segment(added) != 0}
			}
			before := found()
			release := sync.OnceFunc(d.HoldLog())
			defer release()
			done := make(chan error, 1)
			go func() { done <- change() }()
			for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); {
				require.Equal(t, before, found())
			}
			release()
			require.NoError(t, <-done)
			require.NotEqual(t, before, found())
		})
	}
}

// TestShardsOnCacheLines: a look-up reads one cache line of its shard, which is no other shard's.
func TestShardsOnCacheLines(t *testing.T) {
	if bits.UintSize < 64 {
		t.Skip("its fields are padded for pointers of 64 bits")
	}
	require.EqualValues(t, 128, disk.ShardSize)
}
