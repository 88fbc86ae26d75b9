package cachefs

import (
	"errors"
	"io"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
)

func isFull(err error) bool { return errors.Is(err, tier.ErrNoSpace) || errors.Is(err, tier.ErrBusy) }

// fullLocked goes on without the tiers, if that can be: what another node may hold goes there, CacheThrough does without a cached
// copy, AsyncThrough writes through.
func (w *nodeWriter) fullLocked(err error) error {
	if w.spillsLocked() {
		w.outsideLocked()
		return nil
	}
	switch w.opts.WriteType {
	case CacheThrough:
		if w.mu.lends {
			if err := w.sendBlockLocked(); err != nil {
				return err
			}
		}
		w.dropBlocksLocked()
		return nil
	case AsyncThrough:
		return w.throughLocked()
	}
	return err
}

// orThroughLocked turns an AsyncThrough writer to the store when err says that no other node takes the file, or not as many as it
// wants. others have taken of it. Any other writer has err.
func (w *nodeWriter) orThroughLocked(err error, others ...string) error {
	if w.opts.WriteType != AsyncThrough || !isFull(err) && !errors.Is(err, errNoTaker) {
		return err
	}
	through := w.throughLocked(others...)
	if through == nil || isFull(err) {
		return through
	}
	return errors.Join(err, through) // who has a part of it may be gone
}

// throughLocked turns an AsyncThrough writer into a Through one: what is cached goes to the store first, and others who have
// taken of it may let it go.
func (w *nodeWriter) throughLocked(others ...string) error {
	up, err := w.n.newUpload(w.ctx, w.path, w.opts.Size, w.opts.Mode, nil)
	if err != nil {
		return err
	}
	w.mu.up = up
	whole := namespace.Inode{FileID: w.id, BlockSize: w.bs, Size: min(int64(len(w.mu.blocks))*w.bs, w.mu.size)}
	for i, id := range w.mu.blocks {
		if w.mu.spilled.blocks[id] {
			err = w.sendSpilledLocked(id)
		} else {
			err = w.n.uploadBlock(w.ctx, up, &whole, int64(i))
		}
		if err != nil {
			return err
		}
	}
	if err := w.sendBlockLocked(); err != nil {
		return err
	}
	w.opts.WriteType = Through
	w.dropBlocksLocked()
	if w.mu.spilled.host != "" {
		others = append(others, w.mu.spilled.host)
		w.mu.spilled = spilled{}
	}
	if len(others) > 0 {
		w.letGoSoonLocked(others...)
	}
	return nil
}

// sendBlockLocked sends a copy of what the block that is being written has.
func (w *nodeWriter) sendBlockLocked() error {
	b := w.mu.block
	if b == nil {
		return nil
	}
	_, err := io.Copy(w.mu.up, io.NewSectionReader(b, 0, b.Len()))
	return err
}

// dropBlocksLocked gives the tiers back what they took.
func (w *nodeWriter) dropBlocksLocked() {
	if w.mu.block != nil {
		w.mu.block.Abort()
		w.mu.block = nil
	}
	w.n.tiers.DropFile(w.id)
	w.mu.blocks, w.mu.cache, w.mu.lends, w.mu.outside = nil, false, false, false
}
