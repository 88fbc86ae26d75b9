package cachefs

import (
	"context"
	"errors"
	"io"

	"github.com/millpond/millpond/tier"
)

// ReadAt fills p from off on. A hit in memory is a look at the file's table and a copy: no lock, no allocation.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	h := f.handle
	if uint64(off) < uint64(h.in.Size) && !h.closed.Load() && f.ctx.Err() == nil {
		i, at := h.place(off)
		if at+int64(len(p)) <= h.in.BlockSize {
			if b := h.table.slot(i).Load(); b != nil {
				if n, ok := b.ReadAt(p, at); ok {
					if n < len(p) {
						return n, io.EOF
					}
					return n, nil
				}
			}
		}
	}
	n, err := f.readAtSlow(p, off)
	return n, f.readError(err)
}

// place maps an offset to a block and the offset in it.
func (h *handle) place(off int64) (i, at int64) {
	if h.shift != 0 {
		i = off >> h.shift
	} else {
		i = off / h.in.BlockSize
	}
	return i, off - i*h.in.BlockSize
}

func (f *File) readAtSlow(p []byte, off int64) (n int, err error) {
	switch {
	case f.closed.Load():
		return 0, ErrClosed
	case off < 0:
		return 0, invalid("offset %d; want 0 or more", off)
	case len(p) == 0:
		return 0, nil
	case off >= f.in.Size:
		return 0, io.EOF
	case f.far != nil:
		return f.readFar(p, off)
	}
	if last, _ := f.place(min(off+int64(len(p)), f.in.Size) - 1); last > off/f.in.BlockSize {
		first, _ := f.place(off)
		f.n.bringAhead(f.handle, first+1, last+1)
	}
	for n < len(p) && off < f.in.Size {
		m, err := f.readSome(p[n:], off)
		n += m
		off += int64(m)
		if err != nil {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// readSome reads at most to the end of the block that off lies in.
func (f *File) readSome(p []byte, off int64) (int, error) {
	i, at := f.place(off)
	p = p[:min(int64(len(p)), f.blockLen(i)-at)]
	if f.far != nil {
		return f.readFar(p, off)
	}
	slot := f.table.slot(i)
	if b := slot.Load(); b != nil && f.ctx.Err() == nil {
		if n, ok := b.ReadAt(p, at); ok {
			return n, nil
		}
	}
	return f.readBlock(slot, i, p, at)
}

// readBlock fills p from block i, at bytes in: from memory, from a lower tier, from the under store. It returns fewer
// bytes only with an error.
func (f *File) readBlock(slot *blockSlot, i int64, p []byte, at int64) (int, error) {
	id := tier.NewBlockID(f.in.FileID, uint32(i))
	f.n.readAhead(f.handle, i, at, len(p))
	missed := false
	for {
		if err := f.ctx.Err(); err != nil {
			return 0, context.Cause(f.ctx)
		}
		if b := f.n.tiers.Get(id); b != nil {
			slot.Store(b)
			if n, ok := b.ReadAt(p, at); ok {
				return n, nil
			}
		}
		n, kind, err := f.readTiers(id, p, at, f.read == CachePromote)
		switch {
		case err == nil:
			f.n.counters.tierHit(kind, n, missed)
			return n, nil
		case !errors.Is(err, tier.ErrMiss):
			return 0, err
		}
		missed = f.n.counters.miss(len(p), missed)
		if f.read == NoCache {
			if err := f.readUncached(p, i*f.in.BlockSize+at); err != nil {
				return 0, err
			}
			return len(p), nil
		}
		again, err := f.n.filler.read(f.ctx, f.handle, i, p, at)
		if err != nil {
			return 0, err
		}
		if !again {
			return len(p), nil
		}
	}
}

// readTiers reads from whichever tier has a block.
func (f *File) readTiers(id tier.BlockID, p []byte, at int64, promote bool) (n int, kind tier.Kind, err error) {
	if f.check {
		n, err = f.n.tiers.ReadChecked(f.ctx, id, p, at)
		return n, tier.SSD, err
	}
	return f.n.tiers.ReadAt(f.ctx, id, p, at, promote)
}

// readAhead notes a read in block i of h and brings what its reader will want next.
func (n *Node) readAhead(h *handle, i, at int64, size int) {
	if most := n.aheadBlocks(h); most > 0 {
		from, to := h.ahead.touch(i, at, size, most)
		n.bringAhead(h, from, to)
	}
}

// readWhole notes that h will be read from off to its end.
func (n *Node) readWhole(h *handle, off int64) {
	if most := n.aheadBlocks(h); most > 0 && off < h.in.Size {
		i, _ := h.place(off)
		from, to := h.ahead.whole(i, most)
		n.bringAhead(h, from, to)
	}
}

// aheadBlocks is how many blocks may be fetched ahead of h's reader.
func (n *Node) aheadBlocks(h *handle) int64 {
	if h.read == NoCache || n.cfg.ReadAhead <= 0 {
		return 0
	}
	return max(1, n.cfg.ReadAhead/h.in.BlockSize)
}

// bringAhead queues blocks [from, to) of h, as far as it has them.
func (n *Node) bringAhead(h *handle, from, to int64) {
	if h.read == NoCache {
		return
	}
	for i := from; i < min(to, h.blocks()); i++ {
		n.filler.ahead(h, i)
	}
}
