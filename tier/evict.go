package tier

import (
	"context"
	"errors"

	"github.com/millpond/millpond/tier/internal/disk"
)

// evict frees memory ahead of need, until ctx ends. Owner: Open.
func (s *Store) evict(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		for s.mem.above(s.mem.cfg.LowWater) && ctx.Err() == nil {
			if !s.evictOne(ctx) {
				break
			}
		}
	}
}

// ahead wakes the evictor if the memory tier runs full.
func (s *Store) ahead() {
	if s.mem.above(s.mem.cfg.HighWater) {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// evictOne moves the policy's victim out of memory: down a tier, or away if no tier takes it and nothing keeps it.
// false: nothing may leave.
func (s *Store) evictOne(ctx context.Context) (done bool) {
	m := s.mem
	s.evicting.Add(1)
	defer func() { s.evicted(ctx, done) }()
	lower := s.below(Memory)
	for marked := len(lower) > 0; ; marked = false {
		b := m.victim(marked)
		if b == nil {
			return false
		}
		to, err := s.demote(ctx, b, lower)
		s.moves.Add(1) // before it goes from here
		switch {
		case to != nil:
			m.drop(b) // its copy has what keeps it
		case ctx.Err() == nil && m.dropUnmarked(b):
		case !m.putBack(b):
			return true // dropped meanwhile
		case marked && ctx.Err() == nil:
			continue // it cannot go down: one that nothing keeps may go instead
		default:
			return false
		}
		m.count.evictions.Add(1)
		s.left(EvictInfo{ID: b.id, Length: b.length, From: Memory, Err: err}, len(lower) > 0, to, &m.count)
		return true
	}
}

// evicted ends an evictOne. One that found nothing wakes others only if one of them may go elsewhere, or must give up: else who
// waits would wake itself.
func (s *Store) evicted(ctx context.Context, done bool) {
	if done || ctx.Err() != nil {
		s.mem.announce() // before it is not seen to evict any more
	}
	if s.evicting.Add(-1) == 0 && (s.mem.movable.Load() > 0 || s.mem.waiting.Load() >= s.mem.writers.Load()) {
		s.mem.announce()
	}
}

// demote copies a block that memory is to let go to the first tier that takes it; nil: none.
func (s *Store) demote(ctx context.Context, b *Block, lower []*disks) (to *disks, err error) {
	if len(lower) == 0 {
		return nil, nil
	}
	var mv move
	if err := s.names.begin(&mv, b.id); err != nil {
		return nil, err
	}
	defer s.names.end(&mv)
	if !b.acquire() {
		return nil, ErrDropped
	}
	defer b.letGo()
	return s.copyDown(ctx, &mv, b, lower)
}

// copyDown puts a block that the caller has acquired into the first tier that has it or takes it, with its marks, and
// durably if it has any.
func (s *Store) copyDown(ctx context.Context, mv *move, b *Block, lower []*disks) (to *disks, err error) {
	hints := putHints{flags: diskFlags(b.flags.Load()), freq: s.mem.policy.Frequency(b.key)}
	for _, t := range lower {
		if err = t.setFlags(b.id, hints.flags, 0); err == nil {
			if err = s.settle(mv, t, hints.flags); err == nil {
				return t, nil
			}
		}
	}
	for _, t := range lower {
		err = t.put(ctx, mv, b.id, b.bytes(), hints)
		if errors.Is(err, ErrExist) {
			err = t.setFlags(b.id, hints.flags, 0)
		}
		if err == nil {
			err = s.settle(mv, t, hints.flags)
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

// settle ends a move to a disk tier: the copy is durable if it has marks, and gets those that were changed meanwhile, also if
// it has moved on to another tier by then.
func (s *Store) settle(mv *move, t *disks, flags disk.Flags) error {
	if flags != 0 {
		if err := t.sync(mv.id); err != nil {
			return err
		}
	}
	for {
		set, clear := s.names.marks(mv)
		if set|clear == 0 {
			return nil
		}
		if err := s.markDisks(mv.id, set, clear); err != nil {
			return err
		}
	}
}

// bytes are the pieces of a block that the caller has acquired.
func (b *Block) bytes() [][]byte {
	if len(b.rest) == 0 {
		return [][]byte{b.first}
	}
	return append([][]byte{b.first}, b.rest...)
}

// left counts and tells that a block moved down or (to is nil) left the cache: lost, if there are lower tiers.
func (s *Store) left(info EvictInfo, lower bool, to *disks, c *counters) {
	tell := s.opts.Events.Evicted
	switch {
	case to != nil:
		c.demotions.Add(1)
		info.To, info.Err = to.cfg.Kind, nil
	case lower:
		c.rejected.Add(1)
		info.Gone = true
		tell = s.opts.Events.Rejected
	default:
		info.Gone = true
	}
	if tell != nil {
		tell(info)
	}
}
