package tier_test

import (
	"maps"
	"os"
	"path"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/piece"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// spoil changes a byte at off of each segment below dir.
func spoil(t *testing.T, fsys vfs.FS, dir string, off int64) {
	t.Helper()
	segments := 0
	var walk func(dir string)
	walk = func(dir string) {
		list, err := fsys.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range list {
			name := path.Join(dir, e.Name())
			if e.IsDir() {
				walk(name)
				continue
			}
			f, err := fsys.OpenFile(name, os.O_RDWR, 0)
			require.NoError(t, err)
			b := make([]byte, 1)
			_, err = f.ReadAt(b, off)
			require.NoError(t, err)
			_, err = f.WriteAt([]byte{b[0] ^ 1}, off)
			require.NoError(t, err)
			require.NoError(t, f.Close())
			segments++
		}
	}
	walk(path.Join(dir, "data"))
	require.Equal(t, 1, segments)
}

const touched = 3*piece.Size + 100 // bytes of block 1

// copies are the ways in which block 1 goes somewhere else from the SSD.
var copies = map[string]func(t *testing.T, s *tier.Store) error{
	"View": func(t *testing.T, s *tier.Store) error {
		_, err := s.View(t.Context(), id(1), 0, 10)
		return err
	},
	"Promote": func(t *testing.T, s *tier.Store) error {
		_, err := s.Promote(t.Context(), id(1))
		return err
	},
	"ReadChecked": func(t *testing.T, s *tier.Store) error {
		_, err := s.ReadChecked(t.Context(), id(1), make([]byte, 10), 2*piece.Size-5)
		return err
	},
	"Verify": func(t *testing.T, s *tier.Store) error {
		require.False(t, s.Verify(id(1)))
		return tier.ErrMiss
	},
	"eviction to the tier below": func(t *testing.T, s *tier.Store) error {
		require.NoError(t, s.SetQuota(t.Context(), tier.SSD, "/ssd", mib/2))
		for n := 2; n < 1000; n++ { // until it has left: the policy decides when
			require.NoError(t, s.Put(t.Context(), id(n), body(n, 64*kib), tier.PutOptions{MinKind: tier.SSD}))
			if kind, _, ok := s.Has(id(1)); !ok || kind != tier.SSD {
				break
			}
		}
		_, _, err := s.ReadAt(t.Context(), id(1), make([]byte, 10), 0, false)
		return err
	},
}

// TestDamageIsSeenOnFirstTouch: what went bad while nobody had the directory open is a miss, an event and a counter at whichever
// first touch there is. A piece of 64 KiB that is not damaged can be read.
func TestDamageIsSeenOnFirstTouch(t *testing.T) {
	ways := maps.Clone(copies)
	ways["ReadAt"] = func(t *testing.T, s *tier.Store) error {
		p := make([]byte, 10)
		_, _, err := s.ReadAt(t.Context(), id(1), p, 5, false)
		require.NoError(t, err)
		require.Equal(t, body(1, touched)[5:15], p)
		_, _, err = s.ReadAt(t.Context(), id(1), p, 2*piece.Size-5, false)
		return err
	}
	for name, touch := range ways {
		t.Run(name, func(t *testing.T) { damaged(t, false, touch) })
	}
}

// TestDamageIsSeenByCopies: what went bad after it was read and found good does not get into memory, where nothing is compared, or to
// another disk, where it would have checksums of its own.
func TestDamageIsSeenByCopies(t *testing.T) {
	for name, touch := range copies {
		t.Run(name, func(t *testing.T) { damaged(t, true, touch) })
	}
}

// damaged spoils block 1 on a disk before it is touched, and before that, or after it was read as well.
func damaged(t *testing.T, read bool, touch func(t *testing.T, s *tier.Store) error) {
	disk, ctx := vfs.NewMem(), t.Context()
	tiers := []tier.Config{memory(4 * mib), ssd(8*mib, "/ssd"), hdd(8*mib, "/hdd")}
	s := openWith(t, tier.Options{FS: disk}, tiers...)
	require.NoError(t, s.Put(ctx, id(1), body(1, touched), tier.PutOptions{MinKind: tier.SSD}))
	closeStore(t, s)

	var told atomic.Pointer[tier.CorruptInfo]
	var times atomic.Int32
	o := tier.Options{FS: disk, Events: tier.Events{Corrupt: func(i tier.CorruptInfo) {
		told.Store(&i)
		times.Add(1)
	}}}
	if read {
		s = openWith(t, o, tiers...)
		requireBlock(t, s, 1, touched)
		spoil(t, disk, "/ssd", piece.Size+77)
	} else {
		spoil(t, disk, "/ssd", piece.Size+77)
		s = openWith(t, o, tiers...)
	}
	defer closeStore(t, s)
	require.ErrorIs(t, touch(t, s), tier.ErrMiss)
	require.EqualValues(t, 1, times.Load())
	require.Equal(t, tier.CorruptInfo{ID: id(1), Kind: tier.SSD, Dir: "/ssd"}, *told.Load())
	require.EqualValues(t, 1, s.Metrics().Tiers[1].Corrupt)
	_, _, ok := s.Has(id(1))
	require.False(t, ok)
	require.NoError(t, s.Put(ctx, id(1), body(1, touched), tier.PutOptions{}), "it may be brought again")
	requireBlock(t, s, 1, touched)
}
