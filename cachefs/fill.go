package cachefs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/millpond/millpond/tier"
)

// nearGap is how far into a cold block a reader may want to begin and still be served by the one request that brings
// the block from its start: 256 KiB is 2.5 ms at 100 MB/s, less than a second request costs.
const nearGap = 256 << 10

// fill brings one block from the under store, once, whoever asks. It runs under the node's context, so that a reader
// who leaves does not take it from the others. Readers are served from it while it fills; where the store tells a checksum of
// its bytes, once that has been seen to be right.
//
// A reader far inside a cold block gets its range by itself, first: that is the head. The rest is brought around it, by
// the queue's workers or by the next reader who wants it.
type fill struct {
	id     tier.BlockID
	src    *handle
	length int64       // of the block
	freed  atomic.Bool // its file's blocks were dropped after it began: it serves its readers, and leaves nothing
	as     role        // on whose behalf it began
	from   string      // the peer that asked for it; "" a reader here

	mu struct {
		sync.RWMutex
		started  bool         // a goroutine brings it
		writer   *tier.Writer // what has arrived, from the block's start
		checked  bool         // what has arrived is not to be believed before all of it
		headOff  int64        // the head's place in the block
		head     []byte       // nil until it is there
		wantHead bool         // head is being fetched
		peers    asking
		progress chan struct{} // closed at the next change; nil while nobody waits
		done     bool
		block    *tier.Block // if it lies in memory
		err      error
	}
}

// errUncached ends a fill whose block could not be kept: its readers go to the store themselves.
var errUncached = errors.New("block not kept")

// errFreed is errUncached of a block that somebody dropped meanwhile.
var errFreed = fmt.Errorf("%w: its file was freed", errUncached)

// errAsksBack ends the wait of a peer that could go to the store, for a fill that waits for that peer.
var errAsksBack = fmt.Errorf("%w: it is wanted from who asks", errUncached)

// changed wakes the waiting readers. The caller holds mu.
func (f *fill) changedLocked() {
	if f.mu.progress != nil {
		close(f.mu.progress)
		f.mu.progress = nil
	}
}

func (f *fill) changed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changedLocked()
}

// finish ends the fill: with a block, or with why there is none.
func (f *fill) finish(b *tier.Block, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.done, f.mu.block, f.mu.err, f.mu.writer = true, b, err, nil
	f.changedLocked()
}

// read copies [off, off+len(p)) of the block as soon as that has arrived. again says that the block is complete and
// must be looked up in the tiers.
func (f *fill) read(ctx context.Context, p []byte, off int64) (again bool, err error) {
	err = f.until(ctx, func() (ok bool, err error) {
		ok, again, err = f.tryRead(p, off)
		return ok, err
	})
	return again, err
}

// await returns when read of n bytes from off on has nothing to wait for: errAsksBack if that is a peer, "" none, that waits for them itself.
func (f *fill) await(ctx context.Context, off, n int64, peer string) error {
	return f.until(ctx, func() (ok bool, err error) {
		f.mu.RLock()
		defer f.mu.RUnlock()
		switch {
		case f.mu.done || f.inHeadLocked(off, off+n) || f.inWriterLocked(off+n):
			return true, f.mu.err
		case f.asksBackLocked(peer):
			return true, errAsksBack
		}
		return false, nil
	})
}

// until waits for what try looks for at each change.
func (f *fill) until(ctx context.Context, try func() (ok bool, err error)) error {
	for {
		if ok, err := try(); ok {
			return err
		}
		wait := f.waitChannel()
		if ok, err := try(); ok {
			return err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (f *fill) inHeadLocked(off, end int64) bool {
	return f.mu.head != nil && off >= f.mu.headOff && end <= f.mu.headOff+int64(len(f.mu.head))
}

func (f *fill) inWriterLocked(end int64) bool {
	return f.mu.writer != nil && !f.mu.checked && f.mu.writer.Len() >= end
}

func (f *fill) tryRead(p []byte, off int64) (ok, again bool, err error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	end := off + int64(len(p))
	switch {
	case f.mu.done && f.mu.err != nil:
		return true, false, f.mu.err
	case f.mu.done:
		if f.mu.block != nil {
			if _, ok := f.mu.block.ReadAt(p, off); ok {
				return true, false, nil
			}
		}
		return true, true, nil
	case f.inHeadLocked(off, end):
		copy(p, f.mu.head[off-f.mu.headOff:])
		return true, false, nil
	case f.inWriterLocked(end):
		_, err := f.mu.writer.ReadAt(p, off)
		return true, false, err
	}
	return false, false, nil
}

// wait returns when the block is complete.
func (f *fill) wait(ctx context.Context) error {
	return f.until(ctx, func() (ok bool, err error) {
		f.mu.RLock()
		defer f.mu.RUnlock()
		return f.mu.done, f.mu.err
	})
}

// waitChannel is closed at the next change.
func (f *fill) waitChannel() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.progress == nil {
		f.mu.progress = make(chan struct{})
	}
	return f.mu.progress
}

// begin makes w end at from, where more comes: a first time, or again.
func (f *fill) begin(w *tier.Writer, from int64, checked bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Truncate(from)
	f.mu.checked = checked
}

// start reports whether the caller is the one to bring the block.
func (f *fill) start() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.started {
		return false
	}
	f.mu.started = true
	return true
}

// arrivals wakes the fill's readers each time the tier asks for more, that is after it took what came before.
type arrivals struct {
	io.Reader
	f *fill
}

func (a arrivals) Read(p []byte) (int, error) {
	a.f.changed()
	return a.Reader.Read(p)
}
