package tier_test

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

func hdd(size int64, dir string) tier.Config {
	return tier.Config{Kind: tier.HDD, Size: size, Dirs: []tier.Dir{{Path: dir}}}
}

// drops are the ways to drop block n of file f.
var drops = map[string]func(s *tier.Store, f tier.FileID, n uint32){
	"Drop":            func(s *tier.Store, f tier.FileID, n uint32) { s.Drop(tier.NewBlockID(f, n)) },
	"DropFile":        func(s *tier.Store, f tier.FileID, _ uint32) { s.DropFile(f) },
	"DropBlocks":      func(s *tier.Store, f tier.FileID, n uint32) { s.DropBlocks(f, int64(n)+1) },
	"DropBlocks many": func(s *tier.Store, f tier.FileID, n uint32) { s.DropBlocks(f, 1<<20) },
}

// TestDropMeetsAWriter drops a block that is being written.
func TestDropMeetsAWriter(t *testing.T) {
	for name, drop := range drops {
		for _, kind := range []tier.Kind{tier.Memory, tier.SSD} {
			t.Run(name+" "+kind.String(), func(t *testing.T) {
				s, ctx := open(t, vfs.NewMem(), memory(mib), ssd(4*mib, "/d")), t.Context()
				f := tier.FileID{1}
				w, err := s.Create(ctx, tier.NewBlockID(f, 7), 100, tier.PutOptions{MinKind: kind})
				require.NoError(t, err)
				other, err := s.Create(ctx, tier.NewBlockID(tier.FileID{2}, 7), 100, tier.PutOptions{MinKind: kind})
				require.NoError(t, err)
				for _, w := range []*tier.Writer{w, other} {
					defer w.Abort()
					_, err = w.Write(body(7, 100))
					require.NoError(t, err)
				}
				drop(s, f, 7)
				_, err = w.Commit(ctx)
				require.ErrorIs(t, err, tier.ErrDropped)
				_, _, ok := s.Has(tier.NewBlockID(f, 7))
				require.False(t, ok)
				_, err = other.Commit(ctx)
				require.NoError(t, err, "a block that nobody dropped arrives")
				require.NoError(t, s.Put(ctx, tier.NewBlockID(f, 7), body(7, 100), tier.PutOptions{}), "it may be put again")
			})
		}
	}
}

// TestDropMeetsADemotion drops blocks while one of them is being written to the tier below.
func TestDropMeetsADemotion(t *testing.T) {
	for where, tiers := range map[string][]tier.Config{
		"memory to ssd": {memory(mib), ssd(16*mib, "/below")},
		"ssd to hdd":    {ssd(2*mib, "/d"), hdd(16*mib, "/below")},
	} {
		for name, drop := range drops {
			t.Run(where+" "+name, func(t *testing.T) {
				f, ctx := tier.FileID{1}, t.Context()
				var s *tier.Store
				var put, gone atomic.Uint32 // blocks put; and those of them that were dropped
				var once sync.Once
				fsys := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
					if op.Kind == vfs.OpWrite && strings.HasPrefix(op.Name, "/below/data") {
						once.Do(func() {
							gone.Store(put.Load())
							for n := range gone.Load() {
								drop(s, f, n)
							}
						})
					}
					return nil
				})
				s, err := tier.Open(ctx, tier.Options{BlockSize: 64 * kib, FS: fsys}, tiers...)
				require.NoError(t, err)
				for n := uint32(0); gone.Load() == 0; n++ {
					require.Less(t, n, uint32(200), "nothing was demoted")
					require.NoError(t, s.Put(ctx, tier.NewBlockID(f, n), body(int(n), 60*kib), tier.PutOptions{}))
					put.Store(n + 1)
				}
				require.NoError(t, s.Close(ctx))
				s = open(t, fsys, tiers...)
				for n := range gone.Load() {
					kind, _, ok := s.Has(tier.NewBlockID(f, n))
					require.False(t, ok, "block %d of %d came back to %v", n, gone.Load(), kind)
				}
			})
		}
	}
}

// TestDropMeetsAPromotion drops blocks while they are brought up to memory.
func TestDropMeetsAPromotion(t *testing.T) {
	for name, drop := range drops {
		t.Run(name, func(t *testing.T) {
			s, ctx := open(t, vfs.NewMem(), memory(mib), ssd(4*mib, "/d")), t.Context()
			f := tier.FileID{1}
			for n := range uint32(2000) {
				id := tier.NewBlockID(f, n)
				require.NoError(t, s.Put(ctx, id, body(int(n), 20), tier.PutOptions{MinKind: tier.SSD}))
				var wg sync.WaitGroup
				wg.Go(func() { _, _ = s.Promote(ctx, id) })
				drop(s, f, n)
				wg.Wait()
				kind, _, ok := s.Has(id)
				require.False(t, ok, "block %d came back to %v", n, kind)
			}
		})
	}
}

// DropBlocks leaves other files alone, whether it goes by names or looks through the tiers.
func TestDropBlocksOfOneFile(t *testing.T) {
	for _, most := range []int64{3, 1 << 30} {
		s, ctx := open(t, vfs.NewMem(), memory(mib), ssd(4*mib, "/d")), t.Context()
		mine, other := tier.FileID{1}, tier.FileID{2}
		for _, f := range []tier.FileID{mine, other} {
			for i := range uint32(3) {
				kind := tier.Memory
				if i == 1 {
					kind = tier.SSD
				}
				require.NoError(t, s.Put(ctx, tier.NewBlockID(f, i), body(7, 100), tier.PutOptions{MinKind: kind}))
			}
		}
		require.Equal(t, 3, s.DropBlocks(mine, most))
		require.Zero(t, s.DropBlocks(mine, most))
		require.Equal(t, 3, s.DropBlocks(other, most))
	}
}

// TestDropMeetsAPut drops a block while its bytes are being copied into memory.
func TestDropMeetsAPut(t *testing.T) {
	const length = 64 * mib // takes longer to copy than to see that it began
	p := make([]byte, length)
	for name, drop := range drops {
		t.Run(name, func(t *testing.T) {
			f, ctx := tier.FileID{1}, t.Context()
			for range 3 {
				s := open(t, vfs.NewMem(), memory(2*length))
				put := make(chan error, 1)
				go func() { put <- s.Put(ctx, tier.NewBlockID(f, 7), p, tier.PutOptions{Hold: true}) }()
				for s.Metrics().Tiers[0].Used == 0 {
					runtime.Gosched()
				}
				drop(s, f, 7)
				require.NoError(t, <-put)
				_, _, ok := s.Has(tier.NewBlockID(f, 7))
				require.False(t, ok, "it came back")
			}
		})
	}
}
