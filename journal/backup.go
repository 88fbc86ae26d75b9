package journal

import (
	"context"
	"fmt"
	"io"

	"github.com/millpond/millpond/journal/internal/snap"
)

// Backup writes the state as it is now, sessions and their answers with it, and returns the last change in it: all that was
// acknowledged anywhere before the call. Config.Restore begins another journal with it. Only the primary can: ErrNoPrimary. Changes
// go on meanwhile; what they change before it is written is held in memory, as for a checkpoint. It fails at the next write once ctx
// has ended; a w that waits is to end with ctx by itself.
//
// The stream is a checkpoint's file, drawn in internal/snap: whoever reads it knows whether it is whole.
func (j *Journal) Backup(ctx context.Context, w io.Writer) (index uint64, err error) {
	if err := j.err(); err != nil {
		return 0, err
	}
	led := j.PrimaryContext()
	if led.Err() != nil {
		return 0, fmt.Errorf("%w here: node %q leads", ErrNoPrimary, j.PrimaryID())
	}
	if err := j.Barrier(ctx); err != nil {
		return 0, err
	}
	f, err := j.m.freeze()
	if err != nil {
		return 0, err
	}
	defer f.Release()
	if led.Err() != nil { // another one acknowledges by now
		return 0, fmt.Errorf("%w here any more", ErrNoPrimary)
	}
	out, err := snap.Encode(&ending{w, ctx}, restoredAt, restoredAt)
	if err == nil {
		err = f.writeTo(out)
	}
	if err == nil {
		err = out.End()
	}
	return f.index, err
}

// ending is a writer that ends with a context.
type ending struct {
	w   io.Writer
	ctx context.Context
}

func (e *ending) Write(p []byte) (int, error) {
	if e.ctx.Err() != nil {
		return 0, context.Cause(e.ctx)
	}
	return e.w.Write(p)
}
