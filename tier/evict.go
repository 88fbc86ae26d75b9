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

// evictOne moves the policy's victim out of memory: down a tier, or away. false: nothing may leave.
func (s *Store) evictOne(ctx context.Context) bool {
	m := s.mem
	s.evicting.Add(1)
	defer func() { s.evicting.Add(-1); m.announce() }()
	below := s.below(Memory)
	var b *Block
	_, ok := m.policy.Evict(func(slot uint32) bool {
		v := m.slots.at(slot)
		if v == nil || v.slot != slot || v.has(flagHeld|flagPinned) && below == nil || v.state.n.Load() != 0 {
			return false // what is lent would free nothing
		}
		b = v
		return true
	})
	if !ok {
		return false
	}
	safe := uint32(0) // marks that the copy below has as well
	if below != nil {
		safe = b.flags.Load()
		if !s.demote(ctx, b, below, safe) {
			safe = 0
		}
	}
	if m.dropUnless(b, safe) {
		m.count.evictions.Add(1)
		return true
	}
	return !b.alive()
}

// demote copies a block to the tier below, durably if it is held.
func (s *Store) demote(ctx context.Context, b *Block, below *disks, marks uint32) bool {
	if !b.acquire() {
		return true // dropped meanwhile
	}
	defer b.release()
	flags := diskFlags(marks)
	err := s.copyDown(ctx, b, below, flags)
	if err == nil && !b.alive() {
		below.drop(b.id) // dropped while it was copied
	}
	s.left(EvictInfo{ID: b.id, Length: b.length, From: Memory, To: below.cfg.Kind, Gone: err != nil, Err: err}, &s.mem.count)
	return err == nil
}

// copyDown puts a block that the caller has acquired into a disk tier.
func (s *Store) copyDown(ctx context.Context, b *Block, below *disks, flags disk.Flags) error {
	err := below.put(ctx, b.id, b.bytes(), flags, s.mem.policy.Frequency(b.key))
	if errors.Is(err, ErrExist) {
		err = nil
		if flags != 0 {
			err = below.setFlags(b.id, flags, 0)
		}
	}
	if err == nil && flags != 0 {
		err = below.sync(b.id)
	}
	return err
}

// bytes are the pieces of a block that the caller has acquired.
func (b *Block) bytes() [][]byte {
	if len(b.rest) == 0 {
		return [][]byte{b.first}
	}
	return append([][]byte{b.first}, b.rest...)
}

func (b *Block) diskFlags() disk.Flags { return diskFlags(b.flags.Load()) }

func diskFlags(marks uint32) (f disk.Flags) {
	if marks&flagHeld != 0 {
		f |= disk.Held
	}
	if marks&flagPinned != 0 {
		f |= disk.Pinned
	}
	return f
}

// left counts and tells that a block moved down, or was lost from the cache.
func (s *Store) left(info EvictInfo, c *counters) {
	if info.Gone {
		c.rejected.Add(1)
		if f := s.opts.Events.Rejected; f != nil {
			f(info)
		}
		return
	}
	c.demotions.Add(1)
	if f := s.opts.Events.Evicted; f != nil {
		f(info)
	}
}
