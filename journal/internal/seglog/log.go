package seglog

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/internal/vfs"
)

// Options of a Log.
type Options struct {
	SegmentSize int64         // a new segment begins after this many bytes; default 16 MiB
	NoSync      bool          // leave durability to the operating system
	Salt        func() uint64 // a new segment's; default random
}

// Log is a raft.LogStore. Any goroutine may read while one writes.
type Log struct {
	fsys vfs.FS
	dir  string
	o    Options

	mu struct {
		sync.RWMutex
		segs   []*segment // ascending, contiguous
		first  uint64     // first index that was not deleted; 0 for an empty log
		broken error      // a write that may be there or not: nothing goes on after it
	}
	buf []byte // the writer's
}

// segment is one open file.
type segment struct {
	f       vfs.File
	name    string
	first   uint64
	seed    uint32
	offsets []uint32
	end     int64
}

func (s *segment) last() uint64 { return s.first + uint64(len(s.offsets)) - 1 }

// Open reads every segment in dir, which must exist, cuts a torn tail off and returns the log.
func Open(fsys vfs.FS, dir string, o Options) (*Log, error) {
	if o.SegmentSize <= 0 {
		o.SegmentSize = 16 << 20 // compaction frees whole segments; 16 MiB is 0.1 s of the fastest proposers
	}
	o.SegmentSize = min(o.SegmentSize, 1<<30) // offsets are 32 bits
	if o.Salt == nil {
		o.Salt = randomSalt
	}
	l := &Log{fsys: fsys, dir: dir, o: o}
	if err := l.load(); err != nil {
		l.closeFiles()
		return nil, err
	}
	return l, nil
}

func randomSalt() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])
}

// names lists the segments of dir by first index.
func names(fsys vfs.FS, dir string) ([]string, error) {
	ents, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range ents {
		if _, ok := parseName(e.Name()); ok {
			out = append(out, e.Name())
		}
	}
	sort.Strings(out)
	return out, nil
}

func parseName(name string) (uint64, bool) {
	base, ok := strings.CutSuffix(name, ".seg")
	if !ok || len(base) != 20 {
		return 0, false
	}
	n, err := strconv.ParseUint(base, 10, 64)
	return n, err == nil
}

func segName(first uint64) string { return fmt.Sprintf("%020d.seg", first) }

func (l *Log) load() error {
	list, err := names(l.fsys, l.dir)
	if err != nil {
		return err
	}
	for i, name := range list {
		if err := l.loadSegment(name, i == len(list)-1); err != nil {
			return err
		}
	}
	if n := len(l.mu.segs); n > 0 && l.mu.segs[n-1].last() >= l.mu.segs[0].first {
		l.mu.first = l.mu.segs[0].first
	}
	return nil
}

func (l *Log) loadSegment(name string, last bool) error {
	path := filepath.Join(l.dir, name)
	f, err := l.fsys.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	s, err := check(f, path, last, l.mu.segs)
	if err != nil || s.empty {
		_ = f.Close()
		if err == nil {
			err = l.remove(path)
		}
		return err
	}
	seg := &segment{f: f, name: path, first: s.first, seed: saltSum(s.salt), offsets: s.offsets, end: s.end}
	l.mu.segs = append(l.mu.segs, seg)
	if fi, err := f.Stat(); err != nil {
		return err
	} else if fi.Size() != seg.end {
		return l.cut(seg, seg.end)
	}
	return nil
}

// check scans one segment and its place after the ones before it.
func check(f vfs.File, path string, last bool, before []*segment) (scanned, error) {
	b, err := readAll(f)
	if err != nil {
		return scanned{}, fmt.Errorf("segment %s from byte %d on: %w", path, len(b), err)
	}
	s, err := scan(path, b, last)
	if err != nil || s.empty {
		return s, err
	}
	want, _ := parseName(filepath.Base(path))
	if n := len(before); n > 0 && before[n-1].last()+1 != want {
		prev := before[n-1]
		return s, &DamageError{prev.name, prev.end, fmt.Sprintf("entries %d to %d are missing after it", prev.last()+1, want-1)}
	}
	if s.first != want {
		return s, &DamageError{path, 8, fmt.Sprintf("its header says entry %d", s.first)}
	}
	return s, nil
}

// cut shortens seg's file, durably.
func (l *Log) cut(seg *segment, size int64) error {
	if err := seg.f.Truncate(size); err != nil {
		return err
	}
	return l.sync(seg.f)
}

func (l *Log) sync(f vfs.File) error {
	if l.o.NoSync {
		return nil
	}
	return f.Sync()
}

func (l *Log) syncDir() error {
	if l.o.NoSync {
		return nil
	}
	return l.fsys.SyncDir(l.dir)
}

func (l *Log) remove(path string) error {
	if err := l.fsys.Remove(path); err != nil {
		return err
	}
	return l.syncDir()
}

// IsMonotonic tells raft that indexes have no gaps.
func (l *Log) IsMonotonic() bool { return true }

// FirstIndex is the first entry's, 0 if there is none.
func (l *Log) FirstIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.mu.first, nil
}

// LastIndex is the last entry's, 0 if there is none.
func (l *Log) LastIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.lastLocked(), nil
}

func (l *Log) lastLocked() uint64 {
	if l.mu.first == 0 {
		return 0
	}
	return l.mu.segs[len(l.mu.segs)-1].last()
}

// GetLog reads one entry and checks it; raft.ErrLogNotFound if it is not there.
func (l *Log) GetLog(index uint64, out *raft.Log) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.mu.first == 0 || index < l.mu.first || index > l.lastLocked() {
		return raft.ErrLogNotFound
	}
	i := sort.Search(len(l.mu.segs), func(i int) bool { return l.mu.segs[i].first > index }) - 1
	return l.mu.segs[i].read(index, out)
}

func (s *segment) read(index uint64, out *raft.Log) error {
	i := int(index - s.first)
	off, end := int64(s.offsets[i]), s.end
	if i+1 < len(s.offsets) {
		end = int64(s.offsets[i+1])
	}
	b := make([]byte, end-off)
	if n, err := s.f.ReadAt(b, off); err != nil && (err != io.EOF || n < len(b)) {
		return fmt.Errorf("entry %d in %s at %d: %w", index, s.name, off, err)
	}
	h, reason := parseRecord(b, s.seed)
	if reason == "" && h.index != index {
		reason = fmt.Sprintf("entry %d where %d belongs", h.index, index)
	}
	if reason != "" {
		return &DamageError{s.name, off, reason}
	}
	h.fill(b, out)
	return nil
}

// Close writes a seal, which lets the next Open tell damage to the last entries from a torn tail, and closes the files.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if n := len(l.mu.segs); n > 0 && l.mu.broken == nil && len(l.mu.segs[n-1].offsets) > 0 {
		seg := l.mu.segs[n-1]
		b := appendRecord(nil, seg.seed, uint32(seg.end), &raft.Log{Type: sealType})
		if _, err = seg.f.WriteAt(b, seg.end); err == nil {
			err = l.sync(seg.f)
		}
	}
	l.mu.broken = fs.ErrClosed
	if cerr := l.closeFiles(); err == nil {
		err = cerr
	}
	return err
}

func (l *Log) closeFiles() error {
	var err error
	for _, s := range l.mu.segs {
		if cerr := s.f.Close(); err == nil {
			err = cerr
		}
	}
	l.mu.segs, l.mu.first = nil, 0
	return err
}
