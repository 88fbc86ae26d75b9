package disk

import (
	"errors"
	"fmt"
)

// Sync makes blocks durable: after it returns nil they survive any crash, until they are deleted. Callers that wait
// together share the syncs. Errors: ErrMiss if one of them is not here (the others are durable), *DirError.
func (d *Dir) Sync(ids ...ID) error {
	if d.closed.Load() {
		return ErrClosed
	}
	var missing error
	for i := range ids {
		if err := d.flushBlock(&ids[i]); errors.Is(err, ErrMiss) {
			missing = err
		} else if err != nil {
			return err
		}
	}
	if err := d.syncLog(d.log.last()); err != nil {
		return err
	}
	return missing
}

// flushBlock makes a block's bytes durable. A segment whose sync failed is copied elsewhere: the system may have
// thrown its dirty pages away, and says so only once.
func (d *Dir) flushBlock(id *ID) error {
	for try := range 3 {
		h := hashID(id)
		s := d.index.of(h)
		var f found
		if !s.look(h, id, &f) {
			return ErrMiss
		}
		seg := d.segment(f.seg)
		if seg == nil {
			continue
		}
		err := seg.flush()
		if err == nil {
			return nil
		}
		if !f.same() {
			continue
		}
		if try > 0 {
			return d.fail("sync", err)
		}
		if err := d.rescue(seg); err != nil {
			return err
		}
	}
	return d.fail("sync", fmt.Errorf("block %x keeps moving", *id))
}

// SetFlags changes what is remembered with a block and makes it, with the flags, durable. Errors: ErrMiss, *DirError.
// When it fails otherwise, or the directory is closed, the change stands in memory alone: see Reconcile.
func (d *Dir) SetFlags(id ID, flags Flags) error { return d.ChangeFlags(id, flags, ^flags) }

// ChangeFlags is SetFlags for some of them: set wins over clear, the others stay. What sets nothing new waits for who
// has set it, and costs no I/O where that is durable; what clears nothing waits for nobody.
func (d *Dir) ChangeFlags(id ID, set, clear Flags) error {
	return d.mark(id, set, clear, func(e *entry) bool { e.setState(e.flags(), true); return true })
}

// mark changes a block's flags if may, called under the shard's lock, says so.
func (d *Dir) mark(id ID, set, clear Flags, may func(*entry) bool) error {
	h := hashID(&id)
	s := d.index.of(h)
	s.mu.Lock()
	_, local, ok := s.find(h, keyOf(&id))
	if !ok {
		s.mu.Unlock()
		return ErrMiss
	}
	e := s.at(local)
	flags := e.flags()&^clear | set
	if !may(e) || flags == e.flags() {
		s.mu.Unlock()
		if set == 0 {
			return nil
		}
		return d.Sync(id)
	}
	r := e.record()
	r.flags = flags
	d.log.append(r)
	e.setState(flags, e.changed())
	s.mu.Unlock()
	return d.Sync(id)
}

// flushAll makes the bytes of all blocks durable.
func (d *Dir) flushAll() error {
	for _, seg := range *d.segments.Load() {
		if seg.broken.Load() {
			continue // Sync of its blocks copies them
		}
		if err := seg.flush(); err != nil && !d.gone(seg) {
			return d.fail("sync", err)
		}
	}
	return nil
}

func (d *Dir) gone(seg *segment) bool { return d.segment(seg.id) != seg }
