package disk_test

import (
	"math/bits"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier/internal/disk"
)

// TestHitTakesNoLock looks up and reads while every shard's lock is held: blocks that nobody has read since Open, and a long one.
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
	requireBlock(t, d, blockID(100, 0), long)
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
	x := disk.NewShard()
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
				if !ok || torn || int(length)%stay != (i+1)%stay {
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
			k := i % moved
			x.Move(ids[k], uint32(k+1+stay*rng.IntN(9)))
		}
		for _, i := range rng.Perm(grown) {
			x.Delete(passing[i])
		}
		if _, _, ok := x.Look(passing[0]); ok {
			t.Fatal("found after it was deleted")
		}
	}
	end.Store(true)
	readers.Wait()
}

// TestLookupWhileCellsMove: who finds nothing while cells are being moved looks again, and who comes late to an entry, which is another
// block's by then, does not take it for his.
func TestLookupWhileCellsMove(t *testing.T) {
	x := disk.NewShard()
	for i := range 100 {
		x.Put(blockID(i, 0), 1)
	}
	found := make(chan bool, 1)
	x.Hidden(blockID(5, 0), func() {
		go func() {
			_, _, ok := x.Look(blockID(5, 0))
			found <- ok
		}()
		select {
		case ok := <-found:
			t.Error("it did not wait")
			found <- ok
		case <-time.After(100 * time.Millisecond):
		}
	})
	require.True(t, <-found)
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
