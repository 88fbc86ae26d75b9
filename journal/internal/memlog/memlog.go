// Package memlog is a raft log and checkpoint store for a journal without a directory.
package memlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/raft"
)

// Log is a raft.LogStore in memory, safe for concurrent use.
type Log struct {
	mu struct {
		sync.RWMutex
		first uint64 // index of logs[0]
		logs  []*raft.Log
	}
}

// FirstIndex implements raft.LogStore.
func (l *Log) FirstIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.mu.logs) == 0 {
		return 0, nil
	}
	return l.mu.first, nil
}

// LastIndex implements raft.LogStore.
func (l *Log) LastIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.mu.logs) == 0 {
		return 0, nil
	}
	return l.mu.first + uint64(len(l.mu.logs)) - 1, nil
}

// GetLog implements raft.LogStore.
func (l *Log) GetLog(index uint64, out *raft.Log) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if index < l.mu.first || index-l.mu.first >= uint64(len(l.mu.logs)) {
		return raft.ErrLogNotFound
	}
	*out = *l.mu.logs[index-l.mu.first]
	return nil
}

// StoreLog implements raft.LogStore.
func (l *Log) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

// StoreLogs implements raft.LogStore; the entries are kept, not copied.
func (l *Log) StoreLogs(entries []*raft.Log) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.mu.logs) == 0 && len(entries) > 0 {
		l.mu.first = entries[0].Index
	}
	for _, e := range entries {
		if e.Index != l.mu.first+uint64(len(l.mu.logs)) {
			return errors.New("entries have a gap")
		}
		l.mu.logs = append(l.mu.logs, e)
	}
	return nil
}

// DeleteRange implements raft.LogStore, for ranges that reach the first entry or the last.
func (l *Log) DeleteRange(lo, hi uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := uint64(len(l.mu.logs))
	if n == 0 || hi < l.mu.first || lo >= l.mu.first+n {
		return nil
	}
	if lo <= l.mu.first {
		drop := min(hi-l.mu.first+1, n)
		l.mu.logs = append([]*raft.Log(nil), l.mu.logs[drop:]...) // what is dropped is freed
		l.mu.first += drop
		return nil
	}
	l.mu.logs = l.mu.logs[:lo-l.mu.first]
	return nil
}

// IsMonotonic implements raft.MonotonicLogStore.
func (l *Log) IsMonotonic() bool { return true }

// ErrNotKept says that a checkpoint's bytes were not kept.
var ErrNotKept = errors.New("a journal in memory keeps no checkpoint's bytes")

// Checkpoints is the raft.SnapshotStore of a node in memory. Without peers the log is cut behind a checkpoint, and nobody will ever
// read one: it remembers that one was made and spares the bytes. With peers it keeps the newest one's, and the log from the one before.
type Checkpoints struct {
	Keep bool // the bytes, for peers; not to be changed

	mu struct {
		sync.Mutex
		last   *raft.SnapshotMeta
		pieces [][]byte
		before uint64 // index of the one before
	}
}

// Create implements raft.SnapshotStore.
func (c *Checkpoints) Create(v raft.SnapshotVersion, index, term uint64, conf raft.Configuration, confIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	return &sink{c: c, meta: &raft.SnapshotMeta{
		Version: v, ID: fmt.Sprintf("memory-%d", index), Index: index, Term: term, Configuration: conf, ConfigurationIndex: confIndex,
	}}, nil
}

// List implements raft.SnapshotStore.
func (c *Checkpoints) List() ([]*raft.SnapshotMeta, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.Keep || c.mu.last == nil {
		return nil, nil
	}
	return []*raft.SnapshotMeta{c.mu.last}, nil
}

// Open implements raft.SnapshotStore.
func (c *Checkpoints) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.Keep || c.mu.last == nil || c.mu.last.ID != id {
		return nil, nil, ErrNotKept
	}
	rs := make([]io.Reader, len(c.mu.pieces))
	for i, p := range c.mu.pieces {
		rs[i] = bytes.NewReader(p)
	}
	return c.mu.last, &reader{io.MultiReader(rs...), c.mu.last}, nil
}

type reader struct {
	io.Reader
	of *raft.SnapshotMeta
}

func (r *reader) Close() error { return nil }

// Place is the checkpoint's last raft entry.
func (r *reader) Place() (index, term uint64) { return r.of.Index, r.of.Term }

// Needed is the last log index that nobody needs any more.
func (c *Checkpoints) Needed() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Keep || c.mu.last == nil {
		return c.mu.before
	}
	return c.mu.last.Index
}

// Last is the newest checkpoint's index and size in bytes.
func (c *Checkpoints) Last() (index uint64, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.last == nil {
		return 0, 0
	}
	return c.mu.last.Index, c.mu.last.Size
}

// Problems implements the journal's checkpoint store: memory has none.
func (c *Checkpoints) Problems() []error { return nil }

// Clear implements the journal's checkpoint store.
func (c *Checkpoints) Clear() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.last, c.mu.pieces, c.mu.before = nil, nil, 0
	return nil
}

// pieceLen is how the bytes are kept: one slice would be copied each time it grows.
const pieceLen = 256 << 10

type sink struct {
	c      *Checkpoints
	meta   *raft.SnapshotMeta
	pieces [][]byte
}

func (s *sink) Write(p []byte) (int, error) {
	n := len(p)
	s.meta.Size += int64(n)
	for s.c.Keep && len(p) > 0 {
		last := len(s.pieces) - 1
		if last < 0 || len(s.pieces[last]) == cap(s.pieces[last]) {
			s.pieces = append(s.pieces, make([]byte, 0, pieceLen))
			last++
		}
		k := min(len(p), cap(s.pieces[last])-len(s.pieces[last]))
		s.pieces[last], p = append(s.pieces[last], p[:k]...), p[k:]
	}
	return n, nil
}

func (s *sink) Close() error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.c.mu.last != nil {
		s.c.mu.before = s.c.mu.last.Index
	}
	s.c.mu.last, s.c.mu.pieces = s.meta, s.pieces
	return nil
}

func (s *sink) ID() string    { return s.meta.ID }
func (s *sink) Index() uint64 { return s.meta.Index }
func (s *sink) Cancel() error { return nil }
