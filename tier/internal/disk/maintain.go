package disk

import (
	"cmp"
	"slices"
)

// wake asks for a round of maintenance. It never waits.
func (d *Dir) wake() {
	select {
	case d.work <- struct{}{}:
	default:
	}
}

func (d *Dir) report(err error) {
	if d.opts.OnError != nil && err != nil {
		d.opts.OnError(err)
	}
}

// maintain is the goroutine of a Dir; Close ends it.
func (d *Dir) maintain() {
	d.verifyTail()
	close(d.recovered)
	for {
		if err := d.round(); err != nil && d.ctx.Err() == nil {
			d.report(err)
		}
		select {
		case <-d.ctx.Done():
			return
		case <-d.work:
		}
	}
}

// round does what is due: it keeps dead bytes and index records below their bounds and full segments durable.
func (d *Dir) round() error {
	if err := d.sealFull(); err != nil {
		return err
	}
	if d.indexDue() {
		if err := d.compactIndex(); err != nil {
			return err
		}
	}
	d.reclaiming.Lock()
	defer d.reclaiming.Unlock()
	if _, err := d.giveBack(); err != nil {
		return err
	}
	d.space.Lock()
	over := d.space.used > d.space.quota-keepBack(d.space.quota)
	d.space.Unlock()
	for d.ctx.Err() == nil {
		freed, err := d.copyOut(over)
		if err != nil || freed <= 0 {
			return err
		}
		over = false
	}
	return nil
}

// sealFull makes segments durable that nothing is appended to any more, and says so in the log: after a crash their
// blocks need not be verified.
func (d *Dir) sealFull() error {
	var full []*segment
	d.space.Lock()
	for _, seg := range *d.segments.Load() {
		if seg.sealed && !seg.durable && seg.writers == 0 && !seg.broken.Load() {
			full = append(full, seg)
		}
	}
	d.space.Unlock()
	slices.SortFunc(full, func(a, b *segment) int { return cmp.Compare(a.id, b.id) })
	for _, seg := range full {
		if err := seg.flush(); err != nil {
			if d.gone(seg) {
				continue
			}
			return d.fail("sync", err)
		}
		d.space.Lock()
		seg.durable = true
		d.space.Unlock()
		d.log.append(&record{kind: kindSealed, place: place{seg: seg.id}})
	}
	return nil
}

// sealAll ends all segments: the next Open has nothing to verify.
func (d *Dir) sealAll() error {
	if err := d.flushAll(); err != nil {
		return err
	}
	d.space.Lock()
	d.space.active = [2]*segment{}
	for _, seg := range *d.segments.Load() {
		seg.sealed = true
	}
	d.space.Unlock()
	return d.sealFull()
}

// verifyTail verifies the blocks of those segments that a crash of the machine may have torn.
func (d *Dir) verifyTail() {
	torn := make(map[uint32]bool)
	d.space.Lock()
	for id, seg := range *d.segments.Load() {
		if seg.sealed && !seg.durable {
			torn[id] = true
		}
	}
	d.space.Unlock()
	if len(torn) == 0 {
		return
	}
	var ids []ID
	for i := range d.index.shard {
		ids = ids[:0]
		s := &d.index.shard[i]
		s.mu.RLock()
		for local := range s.used {
			if e := s.at(local); e.live() && torn[e.seg()] {
				ids = append(ids, e.id())
			}
		}
		s.mu.RUnlock()
		for _, id := range ids {
			if d.ctx.Err() != nil {
				return
			}
			_ = d.Verify(id) // counted and reported there; a miss was deleted meanwhile
		}
	}
}
