package seglog

import "fmt"

// DeleteRange drops entries lo to hi, which must reach the log's first entry (compaction: whole segments go, the rest only
// from sight) or its last one (a conflict: the files are cut).
func (l *Log) DeleteRange(lo, hi uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.broken != nil {
		return l.mu.broken
	}
	last := l.lastLocked()
	switch {
	case last == 0 || hi < l.mu.first || lo > last || lo > hi:
		return nil
	case lo <= l.mu.first && hi >= last:
		return l.clearLocked()
	case lo <= l.mu.first:
		return l.deleteHeadLocked(hi)
	case hi >= last:
		return l.deleteTailLocked(lo)
	}
	return fmt.Errorf("entries %d to %d lie within %d to %d", lo, hi, l.mu.first, last)
}

func (l *Log) deleteHeadLocked(hi uint64) error {
	l.mu.first = hi + 1
	for len(l.mu.segs) > 1 && l.mu.segs[0].last() <= hi {
		if err := l.dropLocked(0); err != nil {
			return err
		}
	}
	return nil
}

// deleteTailLocked removes from the end on, so that a crash between two steps leaves a log without gaps.
func (l *Log) deleteTailLocked(lo uint64) error {
	for len(l.mu.segs) > 1 && l.mu.segs[len(l.mu.segs)-1].first >= lo {
		if err := l.dropLocked(len(l.mu.segs) - 1); err != nil {
			return err
		}
	}
	seg := l.mu.segs[len(l.mu.segs)-1]
	n := int(lo - seg.first)
	if n >= len(seg.offsets) {
		return nil
	}
	end := int64(seg.offsets[n])
	if err := l.cut(seg, end); err != nil {
		l.mu.broken = err
		return err
	}
	seg.offsets, seg.end = seg.offsets[:n], end
	return nil
}

// clearLocked drops all, from the end on.
func (l *Log) clearLocked() error {
	for len(l.mu.segs) > 0 {
		if err := l.dropLocked(len(l.mu.segs) - 1); err != nil {
			return err
		}
	}
	l.mu.first = 0
	return nil
}

// dropLocked removes one segment's file; the log is broken if that fails, since it is neither there nor gone.
func (l *Log) dropLocked(i int) error {
	seg := l.mu.segs[i]
	_ = seg.f.Close()
	l.mu.segs = append(l.mu.segs[:i:i], l.mu.segs[i+1:]...)
	if err := l.remove(seg.name); err != nil {
		l.mu.broken = err
		return err
	}
	return nil
}
