package tier

import (
	"context"
	"errors"

	"github.com/millpond/millpond/tier/internal/disk"
)

// ahead wakes evictAhead if the directory runs full.
func (dir *directory) ahead(m *mounted) {
	if m.above(dir.t.cfg.HighWater) {
		select {
		case dir.full <- struct{}{}:
		default:
		}
	}
}

// above reports whether the directory is over a part of its capacity.
func (m *mounted) above(water float64) bool {
	return float64(m.d.Used()) > water*float64(m.d.Capacity())
}

// evictAhead frees the directory ahead of need, until ctx ends. Owner: Open.
func (dir *directory) evictAhead(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-dir.full:
		}
		for m := dir.writable(); m != nil && m.above(dir.t.cfg.LowWater) && ctx.Err() == nil; m = dir.writable() {
			if !dir.evictOne(ctx, m) {
				break
			}
		}
	}
}

// evictOne moves the policy's victim down a tier, or away if no tier takes it and nothing keeps it. false: nothing may
// leave.
func (dir *directory) evictOne(ctx context.Context, m *mounted) bool {
	t := dir.t
	lower := t.s.below(t.cfg.Kind)
	for marked := len(lower) > 0; ; marked = false {
		v, ok := m.victim(ctx, marked)
		if !ok {
			return false
		}
		to, err := dir.demote(ctx, m, lower, v)
		switch {
		case to != nil:
		case ctx.Err() == nil && m.deleteUnmarked(v.ID):
		case !m.putBack(v):
			return true // dropped meanwhile
		case marked && ctx.Err() == nil:
			continue // it cannot go down: one that nothing keeps may go instead
		default:
			return false
		}
		t.count.evictions.Add(1)
		t.s.left(EvictInfo{ID: BlockID(v.ID), Length: v.Length, From: t.cfg.Kind, Err: err}, len(lower) > 0, to, &t.count)
		return true
	}
}

// victim asks the policy for a block that may leave, with marks or without. While the policy is being filled, it is waited for.
func (m *mounted) victim(ctx context.Context, marked bool) (v disk.Info, ok bool) {
	may := func(slot uint32) bool {
		info, live := m.d.At(slot)
		if !live || info.Flags != 0 && !marked {
			return false
		}
		v = info
		return true
	}
	if _, ok := m.pol.Evict(may); ok {
		return v, true
	}
	select {
	case <-m.filled:
	case <-ctx.Done():
		return v, false
	}
	_, ok = m.pol.Evict(may)
	return v, ok
}

// deleteUnmarked deletes a victim, unless somebody has marked it meanwhile. Memory may have a copy.
func (m *mounted) deleteUnmarked(id disk.ID) bool {
	m.dir.t.s.moves.Add(1)
	return m.d.DeleteIf(id, 0)
}

// putBack gives the policy a victim that cannot leave after all; false if it has left.
func (m *mounted) putBack(v disk.Info) bool {
	slot, _, _, ok := m.d.Lookup(v.ID)
	if ok {
		m.queue(v.ID, slot, 0)
	}
	return ok
}

// demote moves a block to the first tier that takes it, and deletes it here; nil: none does.
func (dir *directory) demote(ctx context.Context, m *mounted, lower []*disks, v disk.Info) (to *disks, err error) {
	if len(lower) == 0 {
		return nil, nil
	}
	var mv move
	if err := dir.t.s.names.begin(&mv, BlockID(v.ID)); err != nil {
		return nil, err
	}
	defer dir.t.s.names.end(&mv)
	p := make([]byte, v.Length)
	n, _, err := m.d.ReadChecked(v.ID, p, 0) // below, the copy has checksums of its own
	if err == nil && int64(n) < v.Length {
		err = ErrMiss
	}
	if err != nil {
		m.failed(err)
		return nil, err
	}
	h := putHints{flags: v.Flags, freq: m.pol.Frequency(hashOf(v.ID))}
	for _, t := range lower {
		err = t.put(ctx, &mv, BlockID(v.ID), [][]byte{p}, h)
		if errors.Is(err, ErrExist) {
			err = t.setFlags(BlockID(v.ID), h.flags, 0)
		}
		if err == nil {
			err = m.handOver(t, v.ID, h.flags)
		}
		if err == nil {
			return t, nil
		}
		if errors.Is(err, ErrDropped) || ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

// handOver deletes a block whose copy with flags lies in t, once the copy has what keeps the block now, durably.
func (m *mounted) handOver(t *disks, id disk.ID, flags disk.Flags) error {
	for {
		if flags != 0 {
			if err := t.sync(BlockID(id)); err != nil {
				return err
			}
		}
		t.s.moves.Add(1)
		if m.d.DeleteIf(id, flags) {
			return nil
		}
		_, _, now, ok := m.d.Lookup(id)
		if !ok {
			return ErrDropped
		}
		if err := t.setFlags(BlockID(id), now&^flags, flags&^now); err != nil {
			return err
		}
		flags = now
	}
}
