package disk_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/internal/vfs/vfstest"
	"github.com/millpond/millpond/tier/internal/disk"
)

var crashPoints = flag.Int("crash.points", racetest.Fewer(80), "operations of the disk, evenly spread, before which the power is lost; 0: all, which takes a minute")

const crashQuota = 1 << 20

func crashLength(i int) int { return []int{1000, 4096, 70_000, 20_000, 300}[i%5] }

// crashWork puts, holds, syncs and deletes blocks past the quota, so that segments are punched, copied and removed, and
// the index is replaced. It acknowledges "have i", "held i" and "gone i".
func crashWork(rounds int) func(vfs.FS, func(string)) {
	return func(fsys vfs.FS, ack func(string)) {
		d, err := disk.Open(fsys, "/a/b/d", disk.Options{Quota: crashQuota, DirtyLimit: 300_000})
		if err != nil {
			return
		}
		defer d.Close()
		var evictable []int
		for i := range rounds {
			id := blockID(i, i)
			_, err := d.Put(id, [][]byte{content(id, crashLength(i))}, 0)
			for n := 0; err != nil && n < 100 && len(evictable) > 0; n++ {
				ack(fmt.Sprint("gone ", evictable[0]))
				d.Delete(blockID(evictable[0], evictable[0]))
				evictable = evictable[1:]
				_, err = d.Put(id, [][]byte{content(id, crashLength(i))}, 0)
			}
			if err != nil {
				return
			}
			switch i % 10 {
			case 3:
				if d.SetFlags(id, disk.Held) == nil {
					ack(fmt.Sprint("held ", i))
				}
				continue
			case 1, 6:
				if d.Sync(id) == nil {
					ack(fmt.Sprint("have ", i))
				}
			}
			evictable = append(evictable, i)
		}
	}
}

func verifyCrash(rounds int) func(*testing.T, *vfs.Mem, []string) {
	return func(t *testing.T, mem *vfs.Mem, acked []string) {
		must := map[int]disk.Flags{}
		gone := map[int]bool{} // were durable; a crash may bring them back, whole
		for _, a := range acked {
			what, n, _ := strings.Cut(a, " ")
			i := 0
			_, err := fmt.Sscan(n, &i)
			require.NoError(t, err)
			switch what {
			case "have":
				must[i] = 0
			case "held":
				must[i] = disk.Held
			case "gone":
				if _, was := must[i]; was {
					gone[i] = true
				}
				delete(must, i)
			}
		}
		d, err := disk.Open(mem, "/a/b/d", disk.Options{Quota: crashQuota})
		require.NoError(t, err)
		defer d.Close()
		for _, i := range slices.Sorted(maps.Keys(must)) {
			_, _, flags, ok := d.Lookup(blockID(i, i))
			require.True(t, ok, "block %d", i)
			require.Equal(t, must[i], flags, "block %d", i)
			requireBlock(t, d, blockID(i, i), crashLength(i))
		}
		p := make([]byte, 100_000)
		for i := range rounds { // the others are whole or missing
			n, err := d.ReadAt(blockID(i, i), p, 0)
			if gone[i] {
				require.NotErrorIs(t, err, disk.ErrCorrupt, "block %d came back without its bytes", i)
			}
			if err == nil {
				require.Equal(t, content(blockID(i, i), crashLength(i)), p[:n])
			}
		}
		<-d.Recovered()
		for i := range rounds {
			d.Delete(blockID(i, i))
		}
		put(t, d, blockID(9999, 1), 4096)
		require.LessOrEqual(t, d.DiskBytes(), int64(crashQuota))
		require.NoError(t, d.Sync(blockID(9999, 1)))
	}
}

func TestCrashAfterEachOperation(t *testing.T) {
	vfstest.CrashEach(t, vfstest.Options{Points: *crashPoints}, crashWork(90), verifyCrash(90))
}

// TestCrashWhileOpening crashes a second Open of a directory that a crash left behind.
func TestCrashWhileOpening(t *testing.T) {
	work := func(fsys vfs.FS, ack func(string)) {
		crashWork(30)(fsys, ack)
		for range 10 { // each leaves a log behind, until they are replaced by a snapshot
			d, err := disk.Open(fsys, "/a/b/d", disk.Options{Quota: crashQuota})
			if err != nil {
				return
			}
			<-d.Recovered()
			_ = d.Close()
		}
	}
	vfstest.CrashEach(t, vfstest.Options{Points: 40}, work, verifyCrash(30))
}
