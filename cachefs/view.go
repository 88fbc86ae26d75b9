package cachefs

import (
	"context"
	"errors"
	"io"

	"github.com/millpond/millpond/tier"
)

// View is a piece of a file that is lent, not copied. It must be released, once, and its bytes must not be used after
// that, nor ever be written.
type View struct {
	lent tier.View
	own  []byte // a copy, where no tier could keep the block
}

// Bytes are the lent bytes: at least one, and at most to the end of the block they lie in.
func (v *View) Bytes() []byte {
	if v.own != nil {
		return v.own
	}
	return v.lent.Bytes()
}

// Release gives the bytes back.
func (v *View) Release() {
	if v.own != nil {
		v.own = nil
		return
	}
	v.lent.Release()
}

// View lends the file's bytes from off on, n at most; they end at the block's end, so that Bytes may be shorter. What
// is not in memory is brought there first. At the end of the file it is io.EOF.
func (f *File) View(off int64, n int) (*View, error) {
	return f.view(new(View), off, n) // new here, where it is inlined: who does not keep the View has it on the stack
}

func (f *File) view(v *View, off int64, n int) (*View, error) {
	if uint64(off) < uint64(f.in.Size) && n > 0 && !f.closed.Load() && f.ctx.Err() == nil {
		i, at := f.place(off)
		if b := f.table.slot(i).Load(); b != nil {
			var ok bool
			if v.lent, ok = b.View(at, n); ok {
				return v, nil
			}
		}
	}
	if err := f.viewSlow(v, off, n); err != nil {
		return nil, f.readError(err)
	}
	return v, nil
}

func (f *File) viewSlow(v *View, off int64, n int) error {
	switch {
	case f.closed.Load():
		return ErrClosed
	case off < 0 || n <= 0:
		return invalid("view of %d bytes at %d; want at least one byte, at 0 or more", n, off)
	case off >= f.in.Size:
		return io.EOF
	}
	i, at := f.place(off)
	n = int(min(int64(n), f.blockLen(i)-at))
	if f.far != nil {
		v.own = make([]byte, n)
		return f.far.read(f, v.own, off)
	}
	id := tier.NewBlockID(f.in.FileID, uint32(i))
	f.n.readAhead(f.handle, i, at, n)
	missed := false
	for {
		if err := f.ctx.Err(); err != nil {
			return context.Cause(f.ctx)
		}
		if b := f.n.tiers.Get(id); b != nil {
			f.table.slot(i).Store(b)
			var ok bool
			if v.lent, ok = b.View(at, n); ok {
				return nil
			}
		}
		lent, err := f.n.tiers.View(f.ctx, id, at, n)
		if err == nil {
			f.n.counters.tierHit(tier.SSD, n, missed)
			v.lent = *lent
			return nil
		}
		if !errors.Is(err, tier.ErrMiss) && !errors.Is(err, tier.ErrNoSpace) {
			return err
		}
		missed = f.n.counters.miss(n, missed)
		if f.read != NoCache && errors.Is(err, tier.ErrMiss) {
			switch err := f.n.filler.whole(f.ctx, f.handle, i); {
			case err == nil:
				continue
			case !errors.Is(err, errUncached):
				return err
			}
		}
		v.own, err = f.viewCopy(off, n)
		return err
	}
}

// viewCopy is a copy to lend: no tier has room for the block, or none is to be kept.
func (f *File) viewCopy(off int64, n int) ([]byte, error) {
	p := make([]byte, n)
	i, at := f.place(off)
	if m, _, err := f.readTiers(tier.NewBlockID(f.in.FileID, uint32(i)), p, at, false); err == nil && m == n {
		return p, nil
	}
	if err := f.readPast(f.ctx, p, off, f.role(), ""); err != nil {
		return nil, err
	}
	return p, nil
}
