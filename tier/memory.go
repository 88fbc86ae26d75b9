package tier

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/millpond/millpond/internal/policy"
	"github.com/millpond/millpond/tier/internal/arena"
)

const (
	costUnit = 256 // bytes of one unit of the policy's cost
	beats    = 256 // how often a hot block's use is counted while the tier turns over once
)

// memory is the memory tier: an arena, an index that is read without locks, and a policy.
type memory struct {
	cfg    Config
	opts   *Options
	names  *names
	arena  *arena.Arena
	policy *policy.Policy
	index  index
	slots  slotTable
	beat   atomic.Uint32
	bytes  atomic.Int64 // admitted since the last beat

	live    atomic.Int64                  // blocks whose bytes are in the arena, dead ones that are lent too
	used    atomic.Int64                  // their bytes
	freer   atomic.Pointer[chan struct{}] // closed when bytes come free or a block may leave, if somebody waits
	writers atomic.Int64                  // blocks being written
	waiting atomic.Int64                  // of them, those that wait for room
	movable atomic.Int64                  // of those, who may go to a disk instead
	unmap   runtime.Cleanup
	count   counters
}

// counters of one tier.
type counters struct {
	hits, misses, admissions, evictions, promotions, demotions, corrupt, rejected atomic.Uint64
}

func newMemory(cfg Config, o *Options, n *names) (*memory, error) {
	a, err := arena.New(cfg.Size)
	if err != nil {
		return nil, fmt.Errorf("memory tier of %d bytes: %w", cfg.Size, err)
	}
	blocks := max(cfg.Size/o.BlockSize, 1)
	m := &memory{cfg: cfg, opts: o, names: n, arena: a}
	shards := max(1, min(o.Shards, int(blocks/64)))
	m.policy = policy.New(policy.Config{Capacity: uint64(cfg.Size / costUnit), Shards: shards})
	m.index.init(cfg.Size)
	m.beat.Store(1)
	// Handles of blocks outlive the store: the mapping goes with the last of them, so that a late reader finds a dead
	// block and not an unmapped page.
	m.unmap = runtime.AddCleanup(m, func(a *arena.Arena) { _ = a.Close() }, a)
	return m, nil
}

// get finds a block without a lock.
func (m *memory) get(id *BlockID) *Block { return m.index.get(id, id.hash()) }

// add makes a filled block visible, which ends its move. Errors: ErrExist, ErrDropped, ErrClosed.
func (m *memory) add(b *Block, mv *move) error {
	b.key = b.id.hash()
	stripe := m.names.of(b.key)
	stripe.Lock()
	defer stripe.Unlock()
	stripe.endLocked(mv)
	switch {
	case stripe.sealed:
		return ErrClosed
	case mv.dropped.Load():
		return ErrDropped
	}
	if mv.follows {
		b.flags.Or(mv.set)
		b.flags.And(^mv.clear)
	}
	b.slot = m.slots.take(b)
	if !m.index.add(b) {
		m.slots.give(b.slot)
		return ErrExist
	}
	m.policy.Add(b.key, b.slot, cost(b.length))
	m.count.admissions.Add(1)
	if n := m.bytes.Add(b.length); n > m.cfg.Size/beats {
		m.bytes.Store(0)
		m.beat.Add(1)
	}
	return nil
}

func cost(length int64) uint32 { return uint32(max(1, length/costUnit)) }

// drop takes a block out; its bytes go when nobody uses them. false if it was out already.
func (m *memory) drop(b *Block) bool {
	stripe := m.names.of(b.key)
	stripe.Lock()
	defer stripe.Unlock()
	return m.dropLocked(b)
}

func (m *memory) dropLocked(b *Block) bool {
	if !m.index.remove(b) {
		return false
	}
	m.policy.Remove(b.slot)
	m.slots.give(b.slot)
	b.kill()
	return true
}

// dropUnmarked drops a victim, unless somebody has marked it meanwhile.
func (m *memory) dropUnmarked(b *Block) bool {
	stripe := m.names.of(b.key)
	stripe.Lock()
	defer stripe.Unlock()
	return !b.has(flagHeld|flagPinned) && m.dropLocked(b)
}

// putBack gives the policy a victim that cannot leave after all; false if it has left.
func (m *memory) putBack(b *Block) bool {
	stripe := m.names.of(b.key)
	stripe.Lock()
	defer stripe.Unlock()
	if m.get(&b.id) != b {
		return false
	}
	m.policy.Add(b.key, b.slot, cost(b.length))
	return true
}

// victim takes a block out of the policy that may leave, with marks or without; nil if there is none.
func (m *memory) victim(marked bool) (b *Block) {
	_, ok := m.policy.Evict(func(slot uint32) bool {
		v := m.slots.at(slot)
		if v == nil || v.slot != slot || v.has(flagHeld|flagPinned) && !marked || v.state.n.Load() != 0 {
			return false // what is lent would free nothing
		}
		b = v
		return true
	})
	if !ok {
		return nil
	}
	return b
}

// freed gives a dead block's bytes back.
func (m *memory) freed(b *Block) {
	if m.opts.Poison {
		poison(b.first)
		for _, p := range b.rest {
			poison(p)
		}
	}
	for _, e := range b.pieces {
		m.used.Add(-int64(e.Len()))
		m.arena.Release(e)
	}
	b.freeSums()
	m.live.Add(-1)
	m.announce()
}

func poison(p []byte) {
	for i := range p {
		p[i] = 0xDB
	}
}

// announce wakes who waits for bytes: some came free, or a block may leave that might not before.
func (m *memory) announce() {
	if m.freer.Load() == nil {
		return
	}
	if freed := m.freer.Swap(nil); freed != nil {
		close(*freed)
	}
}

// wrote ends one who writes: what he has left may be evicted, and others need not wait for him.
func (m *memory) wrote() {
	m.announce() // before he is not counted any more
	m.writers.Add(-1)
	m.announce()
}

// freedSoon returns a channel that is closed at the next announce. Ask for it before looking for room.
func (m *memory) freedSoon() <-chan struct{} {
	freed := make(chan struct{})
	for {
		if m.freer.CompareAndSwap(nil, &freed) {
			return freed
		}
		if p := m.freer.Load(); p != nil {
			return *p
		}
	}
}

// above reports whether the tier is over a part of its size.
func (m *memory) above(water float64) bool {
	return float64(m.arena.Size()-m.arena.Free()) > water*float64(m.arena.Size())
}

// waitIdle gives the memory's pages back when no block's bytes are in use any more, or says how many are lent. The mapping
// itself goes when the collector comes to it, which may be minutes later.
func (m *memory) waitIdle(ctx context.Context) error {
	for {
		soon := m.freedSoon()
		n := m.live.Load()
		if n == 0 {
			if !m.opts.Poison {
				m.arena.Discard()
			}
			return nil
		}
		select {
		case <-soon:
		case <-ctx.Done():
			m.unmap.Stop() // who leaked a View may still read it
			if w := m.writers.Load(); w > 0 {
				return fmt.Errorf("%d blocks are being written and %d are still lent; the memory stays mapped: %w", w, n-w, context.Cause(ctx))
			}
			return fmt.Errorf("%d blocks are still lent: a View was not released; the memory stays mapped: %w", n, context.Cause(ctx))
		}
	}
}
