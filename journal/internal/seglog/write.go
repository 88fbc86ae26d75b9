package seglog

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
)

// keepBuf is the largest write buffer kept between batches.
const keepBuf = 4 << 20

// StoreLog is StoreLogs of one entry.
func (l *Log) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

// StoreLogs appends entries, which follow the last one, with one write and one sync. After an error none of them is
// there; if that could not be made sure, the log is broken: this and every later call says why.
func (l *Log) StoreLogs(entries []*raft.Log) error {
	if len(entries) == 0 {
		return nil
	}
	seg, err := l.writable(entries[0].Index)
	if err != nil {
		return err
	}
	offsets := make([]uint32, len(entries))
	b := l.buf[:0]
	for i, e := range entries {
		if e.Index != entries[0].Index+uint64(i) {
			return fmt.Errorf("entry %d follows %d in one batch", e.Index, entries[0].Index+uint64(i)-1)
		}
		if n := len(e.Data) + len(e.Extensions); n > maxPayload || len(e.Extensions) > 0xffff {
			return fmt.Errorf("entry %d is %d bytes; at most %d fit", e.Index, n, maxPayload)
		}
		offsets[i] = uint32(seg.end + int64(len(b)))
		b = appendRecord(b, seg.seed, uint32(seg.end), e)
	}
	if cap(b) <= keepBuf {
		l.buf = b
	}
	if err := l.append(seg, b); err != nil {
		return fmt.Errorf("entries %d to %d: %w", entries[0].Index, entries[len(entries)-1].Index, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	seg.offsets = append(seg.offsets, offsets...)
	seg.end += int64(len(b))
	if l.mu.first == 0 {
		l.mu.first = entries[0].Index
	}
	return nil
}

// append writes and syncs b at seg's end. A write that failed is taken back; a sync that failed cannot be, since what
// the system then holds is not known.
func (l *Log) append(seg *segment, b []byte) error {
	if _, err := seg.f.WriteAt(b, seg.end); err != nil {
		if terr := seg.f.Truncate(seg.end); terr != nil {
			return l.breaks(fmt.Errorf("%w, and taking it back: %w", err, terr))
		}
		return err
	}
	if err := l.sync(seg.f); err != nil {
		return l.breaks(fmt.Errorf("sync: %w", err))
	}
	return nil
}

func (l *Log) breaks(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.broken == nil {
		l.mu.broken = err
	}
	return err
}

// Break makes every later write fail with err.
func (l *Log) Break(err error) { _ = l.breaks(err) }

// Broken is why the log takes no more writes, or nil.
func (l *Log) Broken() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.mu.broken
}

// writable returns the segment that entry index goes to.
func (l *Log) writable(index uint64) (*segment, error) {
	l.mu.RLock()
	last, broken := l.lastLocked(), l.mu.broken
	var seg *segment
	if n := len(l.mu.segs); n > 0 {
		seg = l.mu.segs[n-1]
	}
	l.mu.RUnlock()
	switch {
	case broken != nil:
		return nil, broken
	case last != 0 && index != last+1:
		return nil, fmt.Errorf("entry %d cannot follow %d", index, last)
	case index == 0:
		return nil, fmt.Errorf("entries begin with 1")
	case seg == nil, seg.end >= l.o.SegmentSize, last == 0 && seg.first != index:
		return l.roll(index)
	}
	return seg, nil
}

// roll begins a new segment. The one before it is durable, since every batch is. A log that was emptied drops what it had.
func (l *Log) roll(first uint64) (*segment, error) {
	if err := l.dropEmpty(); err != nil {
		return nil, err
	}
	path := filepath.Join(l.dir, segName(first))
	f, err := l.fsys.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	salt := l.o.Salt()
	_, err = f.WriteAt(appendHeader(nil, first, salt), 0)
	if err == nil {
		err = l.sync(f)
	}
	if err == nil {
		err = l.syncDir()
	}
	if err != nil {
		_ = f.Close()
		_ = l.fsys.Remove(path) // else the next Open takes an empty last segment for what it is
		return nil, err
	}
	seg := &segment{f: f, name: path, first: first, seed: saltSum(salt), end: headerLen}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.segs = append(l.mu.segs, seg)
	return seg, nil
}

// dropEmpty removes the segment that a log without entries may still have: its name need not be the next index.
func (l *Log) dropEmpty() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.first != 0 || len(l.mu.segs) == 0 {
		return nil
	}
	return l.clearLocked()
}
