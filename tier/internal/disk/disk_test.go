package disk_test

import (
	"encoding/binary"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier/internal/disk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func blockID(file, index int) (id disk.ID) {
	binary.BigEndian.PutUint64(id[4:], uint64(file)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint32(id[16:], uint32(index))
	return id
}

// content is what the block id of n bytes holds, in every test.
func content(id disk.ID, n int) []byte {
	r := rand.NewChaCha8([32]byte(append(id[:], make([]byte, 12)...)))
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

func open(t testing.TB, fsys vfs.FS, dir string, o disk.Options) *disk.Dir {
	t.Helper()
	if o.Quota == 0 {
		o.Quota = 256 << 20
	}
	d, err := disk.Open(fsys, dir, o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func put(t testing.TB, d *disk.Dir, id disk.ID, n int) {
	t.Helper()
	_, err := d.Put(id, [][]byte{content(id, n)}, 0)
	require.NoError(t, err)
}

func requireBlock(t testing.TB, d *disk.Dir, id disk.ID, n int) {
	t.Helper()
	p := make([]byte, n+1)
	got, err := d.ReadAt(id, p, 0)
	require.NoError(t, err)
	require.Equal(t, n, got)
	require.Equal(t, content(id, n), p[:got])
}

var lengths = []int{1, 100, 1 << 10, 4 << 10, 4<<10 + 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 200_000, 1 << 20, 4 << 20, 5<<20 + 3}

func TestPutReadReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	d := open(t, vfs.OS, dir, disk.Options{})
	for i, n := range lengths {
		id := blockID(i, 7)
		b := content(id, n)
		cut := n / 3
		_, err := d.Put(id, [][]byte{b[:cut], nil, b[cut:]}, 0)
		require.NoError(t, err)
		requireBlock(t, d, id, n)
		_, err = d.Put(id, [][]byte{b}, 0)
		require.ErrorIs(t, err, disk.ErrExist)
	}
	require.NoError(t, d.Close())
	require.NoError(t, d.Close())
	d = open(t, vfs.OS, dir, disk.Options{})
	<-d.Recovered()
	for i, n := range lengths {
		id := blockID(i, 7)
		for range 20 { // ranges, in any order, before the whole
			off := rand.IntN(n + 10)
			want := content(id, n)[min(off, n):]
			want = want[:min(len(want), 1+rand.IntN(100_000))]
			p := make([]byte, len(want))
			got, err := d.ReadAt(id, p, int64(off))
			require.NoError(t, err)
			require.Equal(t, want, p[:got])
		}
		requireBlock(t, d, id, n)
		require.NoError(t, d.Verify(id))
		slot, length, _, ok := d.Lookup(id)
		require.True(t, ok)
		require.EqualValues(t, n, length)
		info, ok := d.At(slot)
		require.True(t, ok)
		require.Equal(t, id, info.ID)
	}
	_, err := d.ReadAt(blockID(99, 1), make([]byte, 1), 0)
	require.ErrorIs(t, err, disk.ErrMiss)
}

// TestChurn admits four times the quota in blocks of all sizes and deletes at random: disk use stays within the quota,
// and no block reads as another.
func TestChurn(t *testing.T) {
	racetest.Skip(t)
	dir := filepath.Join(t.TempDir(), "d")
	const quota = 16 << 20
	d := open(t, vfs.OS, dir, disk.Options{Quota: quota, DirtyLimit: 8 << 20})
	have := map[disk.ID]int{}
	var order []disk.ID
	held := blockID(1<<20, 0)
	_, err := d.Put(held, [][]byte{content(held, 3000)}, disk.Held)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, 2))
	total := 0
	for i := 0; total < 4*quota; i++ {
		id, n := blockID(i/4, i%4), 1+int(rng.ExpFloat64()*3000)
		if i%50 == 0 {
			n = 64<<10 + rng.IntN(300<<10)
		}
		for {
			_, err := d.Put(id, [][]byte{content(id, n)}, 0)
			if err == nil {
				break
			}
			require.ErrorIs(t, err, disk.ErrFull)
			k := rng.IntN(len(order))
			require.True(t, d.Delete(order[k]))
			delete(have, order[k])
			order[k] = order[len(order)-1]
			order = order[:len(order)-1]
		}
		have[id], total = n, total+n
		order = append(order, id)
		if i%500 == 0 {
			require.LessOrEqual(t, d.DiskBytes(), int64(quota))
		}
	}
	live := int64(0)
	for id, n := range have {
		requireBlock(t, d, id, n)
		live += int64(n)
	}
	m := d.Metrics()
	t.Logf("%d blocks, %d bytes live, %d on disk, copied %.2f of what was admitted", m.Blocks, live, m.DiskBytes, float64(m.CopiedBytes)/float64(total))
	require.Greater(t, float64(live), 0.75*quota, "the quota is used")
	require.Less(t, float64(m.CopiedBytes), 3*float64(total))
	require.NoError(t, d.Close())

	d = open(t, vfs.OS, dir, disk.Options{Quota: quota})
	require.Equal(t, len(have)+1, d.Blocks())
	for id, n := range have {
		requireBlock(t, d, id, n)
	}
	requireBlock(t, d, held, 3000)
}
