package tier

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// Store is the tiers of one node. All methods may be called by any number of goroutines.
type Store struct {
	opts  Options
	names names
	mem   *memory  // nil without a memory tier
	disks []*disks // fastest first

	ctx       context.Context // of what works behind
	life      life
	wake      chan struct{}
	promote   chan BlockID
	evicting  atomic.Int64
	moves     atomic.Uint64 // blocks that have left a tier for another; see look
	closed    atomic.Bool
	closing   closing
	recovered chan struct{}
}

// life starts and ends the goroutines that work behind.
type life struct {
	sync.Mutex
	ended  bool
	stop   context.CancelFunc
	behind sync.WaitGroup
}

// spawn runs f until it returns, under a context that Close ends; false once that has begun.
func (s *Store) spawn(f func(context.Context)) bool {
	s.life.Lock()
	defer s.life.Unlock()
	if s.life.ended {
		return false
	}
	s.life.behind.Go(func() { f(s.ctx) })
	return true
}

// end ends what spawn started, and waits for it.
func (s *Store) end() {
	s.life.Lock()
	s.life.ended = true
	s.life.Unlock()
	s.life.stop()
	s.life.behind.Wait()
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
	s.closing.done = make(chan struct{})
	s.ctx, s.life.stop = context.WithCancel(context.WithoutCancel(ctx))
	for _, t := range tiers {
		if t.Kind == Memory {
			s.mem, err = newMemory(t, &s.opts, &s.names)
		} else {
			var d *disks
			d, err = newDisks(s, t)
			s.disks = append(s.disks, d)
		}
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			s.life.stop()
			return nil, errors.Join(append(s.closeDisks(), err)...)
		}
	}
	s.start()
	return s, nil
}

// start begins to work behind.
func (s *Store) start() {
	if s.mem != nil {
		s.spawn(s.evict)
		s.spawn(s.promoteBehind)
	}
	for _, t := range s.disks {
		for _, dir := range t.dirs {
			dir.start()
		}
	}
	s.spawn(s.awaitRecovery)
}

// Recovered is closed when the scan behind Open is done: every directory has been looked through.
func (s *Store) Recovered() <-chan struct{} { return s.recovered }

func (s *Store) awaitRecovery(ctx context.Context) {
	defer close(s.recovered) // also when the store is closed before
	for _, t := range s.disks {
		for _, dir := range t.dirs {
			select {
			case <-dir.cur.Load().d.Recovered():
			case <-ctx.Done():
				return
			}
		}
	}
}

// below are the slower tiers, fastest first.
func (s *Store) below(k Kind) []*disks {
	for i, t := range s.disks {
		if t.cfg.Kind > k {
			return s.disks[i:]
		}
	}
	return nil
}
