package disk

import (
	"io/fs"
	"sync"

	"github.com/millpond/millpond/internal/vfs"
)

// Range is bytes of a block that lie in a file, for sendfile and the like. They stay as they are until Release,
// whatever happens to the block.
type Range struct {
	File     vfs.File // do not close
	Off, Len int64
	Slot     uint32 // the block's
	Release  func() // may be called twice

	end, table int64 // where the block ends, and how many bytes of sums are behind it
}

// AtHand reports whether the range, and what Sums reads, are in the page cache. Call it before Release.
func (r *Range) AtHand() bool {
	if r.Off+r.Len == r.end {
		return vfs.InPageCache(r.File, r.Off, r.Len+r.table)
	}
	return vfs.InPageCache(r.File, r.Off, r.Len) && (r.table == 0 || vfs.InPageCache(r.File, r.end, r.table))
}

// Range lends n bytes of a block at off; fewer where the block ends. Errors as of ReadAt; call Verify before the bytes
// leave this process.
func (d *Dir) Range(id ID, off, n int64) (Range, error) {
	if off < 0 || n < 0 {
		return Range{}, fs.ErrInvalid
	}
	h := hashID(&id)
	s := d.index.of(h)
	for {
		var f found
		if !s.look(h, &id, &f) {
			return Range{}, ErrMiss
		}
		seg := d.segment(f.seg)
		if seg == nil {
			if f.same() {
				return Range{}, d.corrupt(&id, &f)
			}
			continue
		}
		seg.leases.Add(1)
		// The reclaimer asks for leases after the block left its place, so one of the two sees the other.
		if !f.same() {
			seg.leases.Add(-1)
			continue
		}
		release := sync.OnceFunc(func() {
			seg.leases.Add(-1)
			d.wake()
		})
		length := int64(f.len)
		return Range{
			File: seg.f, Off: int64(f.off) + off, Len: max(0, min(n, length-off)), Slot: slotOf(h, f.local), Release: release,
			end: int64(f.off) + length, table: tableSize(length),
		}, nil
	}
}

// Sums are the XXH3 of a block's pieces of 64 KiB: what Put wrote, not what the disk has by now. Errors: ErrMiss,
// ErrCorrupt (the block has been dropped), *DirError.
func (d *Dir) Sums(id ID) ([]uint64, error) {
	h := hashID(&id)
	s := d.index.of(h)
	table := tables.Get().(*[]byte)
	defer tables.Put(table)
	for try := 0; ; try++ {
		var f found
		if !s.look(h, &id, &f) {
			return nil, ErrMiss
		}
		var err error
		if seg := d.segment(f.seg); seg == nil {
			err = errMismatch
		} else {
			err = readTable(seg, &f, table)
		}
		switch {
		case !f.same(), damaged(err) && try == 0:
		case err != nil:
			return nil, d.readFailed(&id, &f, err)
		case len(*table) == 0:
			return []uint64{f.sum}, nil
		default:
			sums := make([]uint64, pieces(int64(f.len)))
			for i := range sums {
				sums[i] = tableSum(*table, int64(i))
			}
			return sums, nil
		}
	}
}
