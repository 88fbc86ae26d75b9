package tier

import (
	"context"
	"errors"
	"sync"

	"github.com/millpond/millpond/tier/internal/arena"
)

// Put admits a block of 1 byte to MaxBlock: a copy of data. It waits for room within ctx. Errors: ErrExist,
// ErrNoSpace if nothing can be evicted anywhere, ErrBusy with Try, fs.ErrInvalid, ErrClosed.
func (s *Store) Put(ctx context.Context, id BlockID, data []byte, o PutOptions) error {
	if _, _, ok := s.Has(id); ok {
		return ErrExist
	}
	if e, ok := s.roomNow(ctx, len(data), o); ok {
		return s.putInto(e, id, data, o)
	}
	w, err := s.Create(ctx, id, int64(len(data)), o)
	if err != nil {
		return err
	}
	if _, err = w.Write(data); err == nil {
		_, err = w.Commit(ctx)
	}
	w.Abort()
	if errors.Is(err, ErrDropped) {
		return nil // it was put and then dropped, as far as anybody can tell
	}
	return err
}

// roomNow takes memory for a whole block in one piece, if that is to be had without waiting for a disk: the usual case, since
// eviction frees ahead of need.
func (s *Store) roomNow(ctx context.Context, n int, o PutOptions) (e arena.Extent, ok bool) {
	if s.mem == nil || o.MinKind > Memory || n == 0 || int64(n) > min(MaxBlock, s.mem.arena.Size()) || s.closed.Load() {
		return e, false
	}
	s.mem.writers.Add(1) // until putInto is done
	for {
		e, err := s.mem.arena.Alloc(n)
		switch {
		case err != nil && (len(s.disks) > 0 || ctx.Err() != nil || !s.evictOne(ctx)):
			s.mem.wrote()
			return e, false
		case err != nil:
		case e.Len() < n: // a piece of it: the Writer takes several
			s.mem.arena.Release(e)
			s.mem.wrote()
			return e, false
		default:
			return e, true
		}
	}
}

// moves are for Puts into memory: each needs one for as long as it copies.
var moves = sync.Pool{New: func() any { return new(move) }}

// putInto fills e and makes it the block's. All that it allocates is the Block: readers keep handles of it, which must
// stay dead when the block has left, so that it is not used again.
func (s *Store) putInto(e arena.Extent, id BlockID, data []byte, o PutOptions) error {
	m := s.mem
	defer m.wrote()
	mv := moves.Get().(*move)
	defer moves.Put(mv)
	if err := s.names.begin(mv, id); err != nil {
		m.arena.Release(e)
		return err
	}
	b := &Block{id: id, mem: m, length: int64(len(data)), first: m.arena.Bytes(e)[:len(data):len(data)]}
	b.one[0] = e
	b.pieces = b.one[:]
	b.flags.Store(o.flags())
	m.live.Add(1)
	m.used.Add(int64(e.Len()))
	copy(b.first, data) // not copyBytes: see Writer.Write
	if err := m.add(b, mv); err != nil {
		m.used.Add(-int64(e.Len()))
		m.arena.Release(e)
		m.live.Add(-1)
		if errors.Is(err, ErrDropped) {
			return nil // see Put
		}
		return err
	}
	s.ahead()
	return nil
}
