package disk

import "sync"

// spaceState is what the quota is kept with. Its lock is never held across I/O.
type spaceState struct {
	sync.Mutex
	quota   int64
	used    int64       // bytes on disk: segments without their holes, index files
	charged int64       // what the live blocks may take at most: see charge
	active  [2]*segment // being appended to, by class
	dead    []deadRange // bytes of deleted blocks, not given back yet
	deadLen int64
}

// deadRange is where a deleted block was. It is given back only after the log has its deletion durably: else a crash
// would bring back a block whose bytes are gone.
type deadRange struct {
	seg      *segment
	off, len int64
}

// charge is the most that a block of n bytes takes: where dead neighbours cannot be punched out, one eighth more, which
// is what lets the reclaimer find segments that are worth copying.
func (d *Dir) charge(n int64) int64 {
	s := space(n)
	if !aligned(n) || !d.punches {
		s += s / 8
	}
	return s + indexCharge
}

// keepBack is the part of the quota that blocks are not charged to: half of it is for the reclaimer's copies.
func keepBack(quota int64) int64 { return max(quota/16, 128<<10) }

// segmentSize ends a segment: a 32nd of the quota keeps both the number of files and what a copy needs small.
func segmentSize(quota int64) int64 {
	return min(max(quota/32&^(pageSize-1), 64<<10), 1<<30)
}

// room says whether need more bytes fit, and if not, whether the reclaimer can help.
func (d *Dir) room(need, charge int64) (fits, hopeless bool) {
	s := &d.space
	back := keepBack(s.quota)
	if s.charged+charge > s.quota-back {
		return false, true
	}
	return s.used+pageUp(need)+pageSize <= s.quota-back/2, false
}

// reserve finds a place for a block of n bytes. The segment has one writer more until publish or giveUp.
func (d *Dir) reserve(n int64) (*segment, int64, error) {
	need, charge := space(n), d.charge(n)
	for try := 0; ; try++ {
		d.space.Lock()
		fits, hopeless := d.room(need, charge)
		if fits {
			if seg, off, ok := d.takeLocked(need, !aligned(n)); ok {
				d.space.charged += charge
				d.space.Unlock()
				return seg, off, nil
			}
		}
		d.space.Unlock()
		switch {
		case hopeless:
			return nil, 0, ErrFull
		case fits:
			if err := d.rollSegment(!aligned(n)); err != nil {
				return nil, 0, err
			}
		case try > 8:
			return nil, 0, ErrFull
		default:
			if err := d.makeRoom(need, charge); err != nil {
				return nil, 0, err
			}
		}
	}
}

// bigAlign is where blocks of at least that size start: page caches keep files in large pages, and copying out of many
// that begin in the middle costs 5 % more.
const bigAlign = 1 << 20

// takeLocked takes need bytes of the active segment of a class; !ok: there is none or it is full.
func (d *Dir) takeLocked(need int64, packed bool) (*segment, int64, bool) {
	seg := d.space.active[class(packed)]
	if seg == nil || d.fullLocked(seg) {
		return nil, 0, false
	}
	before := seg.alloc()
	if gap := -seg.size & (bigAlign - 1); need >= bigAlign && d.punches {
		seg.size += gap // never written, so it takes nothing
		seg.freed += gap
	}
	off := seg.size
	seg.size += need
	seg.live += need
	seg.writers++
	d.space.used += seg.alloc() - before
	return seg, off, true
}

func (d *Dir) fullLocked(seg *segment) bool {
	return seg.sealed || seg.size >= segmentSize(d.space.quota) || seg.broken.Load()
}

// rollSegment starts a new segment unless another caller has just done it.
func (d *Dir) rollSegment(packed bool) error {
	d.rolling.Lock()
	defer d.rolling.Unlock()
	if d.closed.Load() {
		return ErrClosed
	}
	d.space.Lock()
	seg := d.space.active[class(packed)]
	fine := seg != nil && !d.fullLocked(seg)
	d.space.Unlock()
	if fine {
		return nil
	}
	if err := d.createSegment(packed); err != nil {
		return err
	}
	if seg != nil {
		d.wake()
	}
	return nil
}

// published ends a write whose block is in the index now.
func (d *Dir) published(seg *segment) {
	d.space.Lock()
	seg.writers--
	d.space.Unlock()
}

// giveUp ends a write that failed: what it reserved is garbage.
func (d *Dir) giveUp(seg *segment, off, n int64) {
	d.space.Lock()
	seg.writers--
	d.space.Unlock()
	d.bury(seg, off, n, d.charge(n))
}

// bury accounts for a block of n bytes at off that nobody can find any more.
// charge is what no longer counts against the quota.
func (d *Dir) bury(seg *segment, off, n, charge int64) {
	need := space(n)
	d.space.Lock()
	d.space.charged -= charge
	seg.live -= need
	d.space.dead = append(d.space.dead, deadRange{seg, off, need})
	d.space.deadLen += need
	due := d.space.deadLen >= d.deadBatch()
	d.space.Unlock()
	if due {
		d.wake()
	}
}

// deadBatch is how many dead bytes are worth a sync of the log.
func (d *Dir) deadBatch() int64 { return min(max(d.space.quota/64, 256<<10), 64<<20) }
