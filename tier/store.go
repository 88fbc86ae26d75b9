package tier

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/millpond/millpond/tier/internal/disk"
)

// Store is the tiers of one node. All methods may be called by any number of goroutines.
type Store struct {
	opts  Options
	mem   *memory  // nil without a memory tier
	disks []*disks // fastest first

	ctx       context.Context
	stop      context.CancelFunc
	behind    sync.WaitGroup
	wake      chan struct{}
	promote   chan BlockID
	evicting  atomic.Int64
	closed    atomic.Bool
	recovered chan struct{}
}

// Open opens the tiers, in any order of Configs. Blocks that the directories hold can be read at once; they are checked
// when they are first touched. Errors: all that is wrong with the Configs at once (fs.ErrInvalid); a directory in use by
// another process, which it names; an unknown format. ctx bounds the opening alone.
func Open(ctx context.Context, o Options, tiers ...Config) (*Store, error) {
	o = o.complete()
	tiers, err := complete(o, tiers)
	if err != nil {
		return nil, err
	}
	s := &Store{opts: o, wake: make(chan struct{}, 1), promote: make(chan BlockID, 64), recovered: make(chan struct{})}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	for _, t := range tiers {
		if t.Kind == Memory {
			s.mem, err = newMemory(t, &s.opts)
		} else {
			var d *disks
			d, err = newDisks(s, t)
			s.disks = append(s.disks, d)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			s.stop()
			s.behind.Wait()
			return nil, errors.Join(append(s.closeDisks(), err)...)
		}
	}
	if s.mem != nil {
		s.behind.Go(func() { s.evict(s.ctx) })
		s.behind.Go(func() { s.promoteBehind(s.ctx) })
	}
	s.behind.Go(func() { s.awaitRecovery(s.ctx) })
	return s, nil
}

// Recovered is closed when the scan behind Open is done: every directory has been looked through.
func (s *Store) Recovered() <-chan struct{} { return s.recovered }

func (s *Store) awaitRecovery(ctx context.Context) {
	defer close(s.recovered) // also when the store is closed before
	for _, t := range s.disks {
		for _, dir := range t.dirs {
			d, done, up := dir.use()
			if !up {
				continue
			}
			scanned := d.Recovered()
			done()
			select {
			case <-scanned:
			case <-ctx.Done():
				return
			}
		}
	}
}

// below is the next slower tier, nil if there is none.
func (s *Store) below(k Kind) *disks {
	for _, t := range s.disks {
		if t.cfg.Kind > k {
			return t
		}
	}
	return nil
}

// Get returns a block that is in memory, or nil. It takes no lock and does no I/O.
func (s *Store) Get(id BlockID) *Block {
	if s.mem == nil {
		return nil
	}
	b := s.mem.get(&id)
	if b == nil || !b.alive() {
		return nil
	}
	b.touch()
	s.mem.count.hits.Add(1)
	return b
}

// Has reports the fastest tier that has a block, and the block's length.
func (s *Store) Has(id BlockID) (kind Kind, length int64, ok bool) {
	if s.mem != nil {
		if b := s.mem.get(&id); b != nil {
			return Memory, b.length, true
		}
	}
	for _, t := range s.disks {
		if _, n, _, ok := t.find(id); ok {
			return t.cfg.Kind, n, true
		}
	}
	return 0, 0, false
}

// ReadAt copies a block's bytes from off on into p, whichever tier has it; fewer than len(p) only at the block's end.
// From a disk they are read straight into p, checked if nobody has read them since Open. With promote the block moves
// to memory behind. Errors: ErrMiss, also for a block that did not match its checksum.
func (s *Store) ReadAt(ctx context.Context, id BlockID, p []byte, off int64, promote bool) (n int, kind Kind, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, context.Cause(ctx)
	}
	if b := s.Get(id); b != nil {
		if n, ok := b.ReadAt(p, off); ok {
			return n, Memory, nil
		}
	}
	for _, t := range s.disks {
		n, err := t.readAt(id, p, off)
		if err == nil {
			if promote && s.mem != nil {
				s.promoteSoon(id)
			}
			return n, t.cfg.Kind, nil
		}
		if !errors.Is(err, ErrMiss) {
			return 0, t.cfg.Kind, err
		}
		t.count.misses.Add(1)
	}
	return 0, 0, ErrMiss
}

// View lends a piece of a block, at most n bytes and to the end of the piece that off lies in. A block on a disk is
// brought to memory first. Errors: ErrMiss, ErrNoSpace if memory cannot take it.
func (s *Store) View(ctx context.Context, id BlockID, off int64, n int) (*View, error) {
	for {
		b := s.Get(id)
		if b == nil {
			var err error
			if b, err = s.Promote(ctx, id); err != nil {
				return nil, err
			}
		}
		if off < 0 || off >= b.length || n <= 0 {
			return nil, ErrMiss
		}
		if v, ok := b.View(off, n); ok {
			return &v, nil
		}
	}
}

// All yields the blocks that stay during the walk, and perhaps some that come or go; a block that two tiers have, twice.
func (s *Store) All() iter.Seq[BlockInfo] {
	return func(yield func(BlockInfo) bool) {
		if s.mem != nil {
			for b := range s.mem.index.all() {
				if !yield(BlockInfo{b.id, Memory, b.length, b.has(flagHeld), b.has(flagPinned)}) {
					return
				}
			}
		}
		for _, t := range s.disks {
			for _, dir := range t.dirs {
				d, done, up := dir.use()
				if !up {
					continue
				}
				seq := d.All()
				done()
				for i := range seq {
					if !yield(BlockInfo{BlockID(i.ID), t.cfg.Kind, i.Length, i.Flags&disk.Held != 0, i.Flags&disk.Pinned != 0}) {
						return
					}
				}
			}
		}
	}
}

// BlockInfo describes a block in a tier.
type BlockInfo struct {
	ID           BlockID
	Kind         Kind
	Len          int64
	Held, Pinned bool
}
