package journal

import (
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// logStore is what raft sees of the log: it keeps what older checkpoints need, and keeps raft from panicking.
type logStore struct {
	raft.LogStore
	j       *Journal
	running atomic.Bool // raft has started

	mu struct {
		sync.Mutex
		read  error         // the first read that failed
		write error         // the last write that failed; nil after one that did not
		since time.Time     // of the first one that failed in a row
		full  time.Time     // when one failed last
		grown chan struct{} // closed at the next write; nil if nobody waits
	}
}

func newLogStore(l raft.LogStore, j *Journal) *logStore { return &logStore{LogStore: l, j: j} }

// IsMonotonic implements raft.MonotonicLogStore.
func (l *logStore) IsMonotonic() bool { return true }

// GetLog reads an entry. Raft panics in its own goroutine when it cannot read what it is to apply, and would take the host
// program with it: the node stops instead, and so does that goroutine.
func (l *logStore) GetLog(index uint64, out *raft.Log) error {
	err := l.LogStore.GetLog(index, out)
	if err == nil {
		return nil
	}
	l.mu.Lock()
	if l.mu.read == nil {
		l.mu.read = err
	}
	l.mu.Unlock()
	if errors.Is(err, raft.ErrLogNotFound) || !l.running.Load() {
		return err
	}
	l.j.stop(err)
	go l.j.raft.Shutdown() // does not wait: raft's goroutines end by themselves
	runtime.Goexit()
	return err
}

// peek reads an entry for somebody who is not raft.
func (l *logStore) peek(index uint64, out *raft.Log) error { return l.LogStore.GetLog(index, out) }

func (l *logStore) readErr() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.read
}

// unwrittenError says that the log did not take entries: it is as it was, or broken.
type unwrittenError struct{ error }

func (e *unwrittenError) Unwrap() error { return e.error }

// StoreLog implements raft.LogStore.
func (l *logStore) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

// StoreLogs implements raft.LogStore. A log that is broken stops the node.
func (l *logStore) StoreLogs(entries []*raft.Log) error {
	err := l.LogStore.StoreLogs(entries)
	l.wrote(err)
	if err != nil {
		l.check()
		return &unwrittenError{err}
	}
	l.j.counts.logged(entries)
	return nil
}

// wrote notes what became of a write, and tells of it if that is news.
func (l *logStore) wrote(err error) {
	l.mu.Lock()
	news := (err == nil) != (l.mu.write == nil)
	l.mu.write = err
	if news {
		l.mu.since = time.Now()
	}
	if err != nil {
		l.mu.full = time.Now()
	}
	if l.mu.grown != nil {
		close(l.mu.grown)
		l.mu.grown = nil
	}
	l.mu.Unlock()
	if news {
		l.j.unwritable(err)
	}
}

// unfitFor is how long a node whose log refused an entry leaves the lead to others: a small entry may fit where the next one
// does not, and each such leadership costs the mesh an election.
const unfitFor = 5 * time.Second

func (l *logStore) refusedLately() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.mu.full.IsZero() && time.Since(l.mu.full) < unfitFor
}

// fullPause is how soon a term is saved again that did not fit: a full disk stays full for a while.
const fullPause = 100 * time.Millisecond

// awaitRoom waits for a moment, unless the node ends: then it is false.
func (l *logStore) awaitRoom(err error) bool {
	l.wrote(err)
	select {
	case <-time.After(fullPause):
		return true
	case <-l.j.closing:
	case <-l.j.stopped.done:
	}
	return false
}

// has says whether an entry of that term is in the log, and returns a channel that closes when the log has grown.
func (l *logStore) has(index, term uint64) (bool, <-chan struct{}) {
	l.mu.Lock()
	if l.mu.grown == nil {
		l.mu.grown = make(chan struct{})
	}
	grown := l.mu.grown
	l.mu.Unlock()
	if last, err := l.LastIndex(); err != nil || last < index {
		return false, grown
	}
	var e raft.Log
	return l.peek(index, &e) == nil && e.Term == term, grown
}

// follows says whether the log goes on behind a checkpoint whose last entry that is. An entry that cannot be read says neither: an
// error.
func (l *logStore) follows(index, term uint64) (bool, error) {
	first, err := l.FirstIndex()
	if err != nil || first == 0 || first == index+1 {
		return first != 0, err
	}
	var e raft.Log
	err = l.peek(index, &e)
	if errors.Is(err, raft.ErrLogNotFound) {
		return false, nil
	}
	return err == nil && e.Term == term, err
}

// followsNewest is true also where that cannot be seen.
func (l *logStore) followsNewest() bool {
	list, err := l.j.snaps.List()
	if err != nil || len(list) == 0 {
		return true
	}
	follows, err := l.follows(list[0].Index, list[0].Term)
	return follows || err != nil
}

func (l *logStore) check() {
	if b, ok := l.LogStore.(interface{ Broken() error }); ok {
		if err := b.Broken(); err != nil {
			l.j.stop(err)
		}
	}
}

// unwritten is for how long no write has been taken; 0 if the last one was.
func (l *logStore) unwritten() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.write == nil {
		return 0
	}
	return max(time.Since(l.mu.since), 1)
}

func (l *logStore) writeErr() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.write
}

// DeleteRange implements raft.LogStore; of the head it keeps what the oldest checkpoint needs to go on from.
func (l *logStore) DeleteRange(lo, hi uint64) error {
	first, err := l.FirstIndex()
	if err != nil {
		return err
	}
	// Behind a checkpoint from another node, what is here leads nowhere.
	if lo <= first && l.followsNewest() {
		hi = min(hi, l.j.snaps.Needed())
		l.j.at.trim(hi)
	}
	if hi < lo {
		return nil
	}
	err = l.LogStore.DeleteRange(lo, hi)
	if err != nil {
		l.check()
	}
	return err
}

// clear empties the log.
func (l *logStore) clear() error {
	first, err := l.FirstIndex()
	if err != nil || first == 0 {
		return err
	}
	last, err := l.LastIndex()
	if err != nil {
		return err
	}
	return l.LogStore.DeleteRange(first, last)
}

// breaks makes every later write fail.
func (l *logStore) breaks(err error) {
	if b, ok := l.LogStore.(interface{ Break(error) }); ok {
		b.Break(err)
	}
}

func (l *logStore) close() error {
	if c, ok := l.LogStore.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
