package disk

import (
	"cmp"
	"slices"
)

// makeRoom gives dead bytes back until need more fit. ErrFull: another caller took the room, or it cannot be made.
func (d *Dir) makeRoom(need, charge int64) error {
	d.reclaiming.Lock()
	defer d.reclaiming.Unlock()
	for range 64 {
		d.space.Lock()
		fits, hopeless := d.room(need, charge)
		d.space.Unlock()
		if fits {
			return nil
		}
		if hopeless {
			return ErrFull
		}
		freed, err := d.giveBack()
		if err != nil {
			return err
		}
		if freed > 0 {
			continue
		}
		if freed, err = d.copyOut(true); err != nil {
			return err
		}
		if freed > 0 {
			continue
		}
		d.space.Lock()
		before := d.space.used
		d.space.Unlock()
		if err := d.compactIndex(); err != nil {
			return err
		}
		d.space.Lock()
		after := d.space.used
		d.space.Unlock()
		if after >= before {
			return ErrFull
		}
	}
	return ErrFull
}

// giveBack removes empty segments and punches out what died in the others, after making the deletions durable. The
// caller holds reclaiming.
func (d *Dir) giveBack() (freed int64, err error) {
	d.space.Lock()
	dead := d.space.dead
	d.space.dead, d.space.deadLen = nil, 0
	var empty []*segment
	for _, seg := range *d.segments.Load() {
		if seg.sealed && seg.writers == 0 && seg.live == 0 && seg.leases.Load() == 0 {
			empty = append(empty, seg) // and stays so: nothing is appended to it
		}
	}
	d.space.Unlock()
	if len(dead) == 0 && len(empty) == 0 {
		return 0, nil
	}
	if err := d.syncLog(d.log.last()); err != nil {
		d.space.Lock()
		d.space.dead = append(d.space.dead, dead...)
		for _, r := range dead {
			d.space.deadLen += r.len
		}
		d.space.Unlock()
		return 0, err
	}
	for _, seg := range empty {
		n, err := d.removeSegment(seg)
		if err != nil {
			d.report(err)
		}
		freed += n
	}
	if d.punches {
		freed += d.punch(dead)
	}
	return freed, nil
}

// removeSegment removes an empty segment. If its file cannot be removed it is emptied at the next Open.
func (d *Dir) removeSegment(seg *segment) (int64, error) {
	if err := d.fs.Remove(seg.name); err != nil {
		return 0, d.fail("remove", err)
	}
	d.space.Lock()
	n := seg.alloc()
	d.space.used -= n
	d.dropSegment(seg)
	d.space.Unlock()
	_ = seg.f.Close() // a read that is under way ends first; its block has moved or gone
	return n, nil
}

// punch gives back the pages that lie in the dead ranges whole; neighbours that died together count as one.
func (d *Dir) punch(dead []deadRange) (freed int64) {
	slices.SortFunc(dead, func(a, b deadRange) int {
		return cmp.Or(cmp.Compare(a.seg.id, b.seg.id), cmp.Compare(a.off, b.off))
	})
	var kept []deadRange
	for len(dead) > 0 {
		r := dead[0]
		dead = dead[1:]
		for len(dead) > 0 && dead[0].seg == r.seg && dead[0].off == r.off+r.len {
			r.len += dead[0].len
			dead = dead[1:]
		}
		if r.seg.leases.Load() > 0 {
			kept = append(kept, r)
			continue
		}
		from, to := pageUp(r.off), pageDown(r.off+r.len)
		if from >= to || d.gone(r.seg) {
			continue
		}
		if err := r.seg.f.PunchHole(from, to-from); err != nil {
			d.report(d.fail("punch", err))
			continue
		}
		d.space.Lock()
		r.seg.freed += to - from
		d.space.used -= to - from
		d.space.Unlock()
		freed += to - from
	}
	d.space.Lock()
	d.space.dead = append(d.space.dead, kept...)
	for _, r := range kept {
		d.space.deadLen += r.len
	}
	d.space.Unlock()
	return freed
}

// smallSegments is how many segments of less than a quarter of the usual size are left alone: each Open starts new ones.
const smallSegments = 16

// victims chooses segments whose copying gives most back for the least. Copies of one pass fit into what is kept back.
// hard: the segments being appended to as well, and however little it gives.
func (d *Dir) victims(hard bool) []*segment {
	d.space.Lock()
	defer d.space.Unlock()
	size := segmentSize(d.space.quota)
	budget := keepBack(d.space.quota) / 4
	var all, small []*segment
	for _, seg := range *d.segments.Load() {
		if seg.writers > 0 || seg.leases.Load() > 0 || seg.live == 0 {
			continue
		}
		least := seg.alloc() / 4
		if hard {
			least = pageSize
		}
		switch {
		case !seg.sealed && (!hard || seg.garbage() < seg.alloc()/8):
		case seg.garbage() >= least && seg.garbage() > 0:
			all = append(all, seg)
		case seg.size < size/4 && seg.live < budget/smallSegments:
			small = append(small, seg)
		}
	}
	if len(small) > smallSegments {
		all = append(all, small...)
	}
	slices.SortFunc(all, func(a, b *segment) int {
		// garbage/live, descending, without a division
		return cmp.Compare(float64(b.garbage())*float64(a.live), float64(a.garbage())*float64(b.live))
	})
	n, live := 0, int64(0)
	for n < len(all) {
		// The first always goes: a segment's live bytes are at most its size, a 32nd of the quota, unless it
		// holds blocks larger than that, which are not worth copying.
		if live += all[n].live; live > budget && n > 0 {
			break
		}
		n++
	}
	all = all[:n]
	for _, seg := range all {
		seg.sealed = true
		for i := range d.space.active {
			if d.space.active[i] == seg {
				d.space.active[i] = nil
			}
		}
	}
	return all
}

// copyOut copies the live blocks of some segments elsewhere and removes the segments. The caller holds reclaiming.
func (d *Dir) copyOut(hard bool) (freed int64, err error) {
	victims := d.victims(hard)
	if len(victims) == 0 {
		return 0, nil
	}
	d.space.Lock()
	before := d.space.used
	d.space.Unlock()
	if err := d.evacuate(victims); err != nil {
		return 0, err
	}
	d.space.Lock()
	defer d.space.Unlock()
	return before - d.space.used, nil
}

// rescue copies the blocks of a segment whose sync failed.
func (d *Dir) rescue(seg *segment) error {
	d.reclaiming.Lock()
	defer d.reclaiming.Unlock()
	if d.gone(seg) {
		return nil
	}
	d.space.Lock()
	seg.sealed = true
	for i := range d.space.active {
		if d.space.active[i] == seg {
			d.space.active[i] = nil
		}
	}
	d.space.Unlock()
	return d.evacuate([]*segment{seg})
}
