package cachefs_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// TestLyingDisk opens what a node left on a disk that gives wrong or too few bytes, once at each of its reads: those of the journal's
// log, checkpoints and small state, of the tiers' indexes, and of blocks. What a disk drops although it said that it was synced cannot be
// seen; this can: the node does not open and says which file is damaged, or the tree is whole and every byte that is read is right, or
// missing with an error. What the store has is read all the same.
func TestLyingDisk(t *testing.T) {
	for name, set := range diskSets() {
		for _, lie := range []error{vfs.ErrFlip, vfs.ErrShort} {
			t.Run(fmt.Sprint(name, "/", lie), func(t *testing.T) {
				t.Parallel()
				bubbletest.Test(t, func(t *testing.T) { set.lie(t, lie) })
			})
		}
	}
}

func (d *diskSet) lie(t *testing.T, lie error) {
	disk := vfs.NewMem()
	p := newPlant(disk)
	p.configure = d.configure
	left := d.fill(t, p, disk)
	p.configure = func(c *cachefs.Config) { // with memory for all, so that no block moves: it would be compared then, and not when it is read
		if d.configure != nil {
			d.configure(c)
		}
		c.Tiers[0].Size = 8 << 20
	}
	step := int64(1)
	for at := int64(0); ; at += step {
		reads := p.lied(t, left.CrashKeepingNothing(), d, lie, at)
		step = max(1, reads/int64(max(6, racetest.Fewer(25))))
		if at >= reads {
			require.Greater(t, at, int64(5), "reads of the disk")
			return
		}
	}
}

// fill has a node do what the set says, and returns what it leaves.
func (d *diskSet) fill(t *testing.T, p *plant, disk *vfs.Mem) *vfs.Mem {
	n, err := p.open(disk)
	require.NoError(t, err)
	defer n.Close()
	for _, w := range d.writes {
		require.NoError(t, write(w.path, w.seeds, w.o)(n))
	}
	if d.then != nil {
		require.NoError(t, d.then(t.Context(), n))
	}
	time.Sleep(time.Minute) // of the bubble: uploads
	if d.power {
		return disk.CrashKeepingNothing()
	}
	require.NoError(t, n.Close())
	return disk
}

// lied opens a node on a disk that lies once, and reads everything. It returns how many reads there were.
func (p *plant) lied(t *testing.T, disk *vfs.Mem, set *diskSet, lie error, at int64) int64 {
	var reads atomic.Int64
	var lied atomic.Value // the file that was read wrong
	lied.Store("")
	var honest atomic.Bool
	liar := vfs.NewFaulty(disk, func(op vfs.Op) error {
		if op.Kind != vfs.OpRead {
			return nil
		}
		if reads.Add(1)-1 == at && !honest.Load() {
			lied.Store(op.Name)
			return lie
		}
		return nil
	})
	n, err := p.open(liar)
	if err != nil {
		require.ErrorContains(t, err, lied.Load().(string), "the error does not name what is damaged")
		return reads.Load()
	}
	defer n.Close()
	synctest.Wait()
	total := reads.Load()
	honest.Store(set.power) // what a crash may have torn has been verified behind Open: these are second touches
	require.Equal(t, set.names(), treeOf(t, n), "lied about %s", lied.Load())
	inStore := set.inStore()
	for path, seeds := range set.files {
		if seeds == "dir" {
			continue
		}
		data, err := readAtOnce(t.Context(), n, path)
		what := fmt.Sprintf("%s, lied about %s, read %d", path, lied.Load(), at)
		if inStore[path] || err == nil {
			require.NoError(t, err, what)
			require.NoError(t, same(data, planned(seeds), 0), what)
		} else {
			require.ErrorIs(t, err, cachefs.ErrLost, what)
		}
	}
	if set.power {
		return total
	}
	return reads.Load()
}

// TestUploadOfWhatADiskMisreads writes a file that lies on a disk alone, which flips a bit as it is read for the store, once or each time:
// the store gets the right bytes or none.
func TestUploadOfWhatADiskMisreads(t *testing.T) {
	for _, times := range []int64{1, 1 << 40} {
		bubbletest.Test(t, func(t *testing.T) {
			var left atomic.Int64
			left.Store(times)
			p := newPlant(vfs.NewMem())
			p.configure = func(c *cachefs.Config) { c.Tiers = c.Tiers[1:] }
			n, err := p.open(flipping(vfs.NewMem(), &left))
			require.NoError(t, err)
			defer n.Close()
			require.NoError(t, write("/m/f", "1", cachefs.CreateOptions{WriteType: cachefs.AsyncThrough})(n))
			time.Sleep(time.Minute)
			require.Less(t, left.Load(), times)
			body, _, err := p.store.UFS().Open(t.Context(), "f", 0, -1, "")
			if times > 1 {
				require.ErrorIs(t, err, cachefs.ErrNotExist)
				require.Equal(t, cachefs.Lost, mustStat(t, n, "/m/f").Persist())
				return
			}
			require.NoError(t, err)
			defer body.Close()
			got, err := io.ReadAll(body)
			require.NoError(t, err)
			require.NoError(t, same(got, planned("1"), 0))
		})
	}
}

// TestAppendToWhatADiskMisreads appends to a file that lies on a disk alone, which flips a bit of what it has long given right, once or
// each time: the new version has the right bytes, or there is none.
func TestAppendToWhatADiskMisreads(t *testing.T) {
	for _, times := range []int64{1, 1 << 40} {
		bubbletest.Test(t, func(t *testing.T) {
			var left atomic.Int64
			p := newPlant(vfs.NewMem())
			p.configure = func(c *cachefs.Config) { c.Tiers = c.Tiers[1:] }
			n, err := p.open(flipping(vfs.NewMem(), &left))
			require.NoError(t, err)
			defer n.Close()
			o := cachefs.CreateOptions{WriteType: cachefs.MustCache}
			require.NoError(t, write("/m/f", "1", o)(n))
			require.NoError(t, same(readAll(t, n, "/m/f"), planned("1"), 0))
			left.Store(times)
			o.Append = true
			err = write("/m/f", "2", o)(n)
			require.Less(t, left.Load(), times)
			left.Store(0)
			if times > 1 {
				require.ErrorIs(t, err, cachefs.ErrLost)
				return
			}
			require.NoError(t, err)
			require.NoError(t, same(readAll(t, n, "/m/f"), planned("12"), 0))
		})
	}
}

// TestDirectoryEventsOfANode: Config.Events hears of a directory that goes out of service, and of its return.
func TestDirectoryEventsOfANode(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		down, up := make(chan tier.DirInfo, 1), make(chan tier.DirInfo, 1)
		p := newPlant(vfs.NewMem())
		p.configure = func(c *cachefs.Config) {
			c.Tiers = c.Tiers[1:]
			c.Events.Tier.DirDown = func(d tier.DirInfo) { down <- d }
			c.Events.Tier.DirUp = func(d tier.DirInfo) { up <- d }
		}
		n, err := p.open(vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
			if full.Load() && op.Kind == vfs.OpWrite && strings.HasPrefix(op.Name, "/node/ssd") {
				return syscall.ENOSPC
			}
			return nil
		}))
		require.NoError(t, err)
		defer n.Close()
		full.Store(true)
		require.ErrorIs(t, write("/m/f", "1", cachefs.CreateOptions{WriteType: cachefs.MustCache})(n), cachefs.ErrNoSpace)
		told := func(c chan tier.DirInfo) (d tier.DirInfo) {
			select {
			case d = <-c:
			case <-time.After(time.Minute):
			}
			return d
		}
		d := told(down)
		require.Equal(t, "/node/ssd", d.Dir)
		require.ErrorIs(t, d.Err, syscall.ENOSPC)
		full.Store(false)
		require.Equal(t, tier.DirInfo{Kind: tier.SSD, Dir: "/node/ssd"}, told(up))
		require.NoError(t, write("/m/f", "1", cachefs.CreateOptions{WriteType: cachefs.MustCache})(n))
	})
}

// flipping is a disk that flips a bit in each of the next reads of blocks, as many as are left.
func flipping(fsys vfs.FS, left *atomic.Int64) vfs.FS {
	return vfs.NewFaulty(fsys, func(op vfs.Op) error {
		if op.Kind == vfs.OpRead && strings.Contains(op.Name, "/ssd/data") && left.Add(-1) >= 0 {
			return vfs.ErrFlip
		}
		return nil
	})
}

// treeOf is all paths of a node.
func treeOf(t *testing.T, n *cachefs.Node) (names []string) {
	t.Helper()
	for info, err := range n.List(t.Context(), "/", &cachefs.ListOptions{Recursive: true}) {
		require.NoError(t, err)
		names = append(names, info.Path())
	}
	slices.Sort(names)
	return names
}

// readAtOnce reads a file in one call, and has its blocks stay where they are: a disk that lies at the second touch only is not seen.
func readAtOnce(ctx context.Context, n *cachefs.Node, path string) ([]byte, error) {
	f, err := n.Open(ctx, path, &cachefs.OpenOptions{ReadType: cachefs.Cache})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, f.Size())
	if k, err := f.ReadAt(data, 0); err != nil && err != io.EOF || k < len(data) {
		return nil, fmt.Errorf("%d of %d bytes: %w", k, len(data), err)
	}
	return data, nil
}
