package snap

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/internal/vfs"
)

const (
	suffix      = ".ckpt"
	asideSuffix = ".tmp"
)

// Options of a Store.
type Options struct {
	Kept   int  // checkpoints kept; default 2
	NoSync bool // leave durability to the operating system
}

// Store is a raft.SnapshotStore. Safe for concurrent use.
type Store struct {
	fsys vfs.FS
	dir  string
	o    Options

	mu struct {
		sync.Mutex
		good []*raft.SnapshotMeta // newest first
		bad  map[string]error     // by id: what does not check; removed at the next publication
	}
}

// Open lists the checkpoints in dir, which must exist. What does not check is left where it is, and is in Problems.
func Open(fsys vfs.FS, dir string, o Options) (*Store, error) {
	if o.Kept <= 0 {
		o.Kept = 2
	}
	s := &Store{fsys: fsys, dir: dir, o: o}
	s.mu.bad = make(map[string]error)
	ents, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range slices.Backward(ents) { // by name, so by index
		switch name := e.Name(); {
		case strings.HasSuffix(name, asideSuffix):
			if err := fsys.Remove(s.path(name)); err != nil {
				return nil, err
			}
		case isName(name):
			if err := s.add(name); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

func (s *Store) path(id string) string { return filepath.Join(s.dir, id) }

func fileName(index uint64) string { return fmt.Sprintf("%020d%s", index, suffix) }

func isName(name string) bool {
	base, ok := strings.CutSuffix(name, suffix)
	_, err := strconv.ParseUint(base, 10, 64)
	return ok && len(base) == 20 && err == nil
}

// add reads a checkpoint's header. A damaged one has another to fall back to; one of a later version is refused.
func (s *Store) add(id string) error {
	m, rc, err := s.open(id)
	if err == nil {
		s.mu.good = append(s.mu.good, m)
		return rc.Close()
	}
	if _, ok := errors.AsType[*DamageError](err); ok {
		s.mu.bad[id] = err
		return nil
	}
	return err
}

func (s *Store) open(id string) (*raft.SnapshotMeta, *reader, error) {
	name := s.path(id)
	f, err := s.fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	m, rd, err := s.openFile(id, f)
	if err != nil {
		_ = f.Close()
	}
	return m, rd, err
}

func (s *Store) openFile(id string, f vfs.File) (*raft.SnapshotMeta, *reader, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	br := bufio.NewReaderSize(f, pieceLen)
	m, n, err := readMeta(br, f.Name())
	if err != nil {
		return nil, nil, err
	}
	if fileName(m.index) != id {
		return nil, nil, &DamageError{f.Name(), 8, fmt.Sprintf("its header says index %d", m.index)}
	}
	conf, err := m.configuration(f.Name())
	if err != nil {
		return nil, nil, err
	}
	out := &raft.SnapshotMeta{
		Version: raft.SnapshotVersionMax, ID: id, Index: m.index, Term: m.term,
		Configuration: conf, ConfigurationIndex: m.configIndex, Size: streamLen(fi.Size() - n),
	}
	return out, &reader{r: br, close: f.Close, index: m.index, term: m.term, name: f.Name(), off: n, bad: func(err error) { s.Condemn(id, err) }}, nil
}

// Create implements raft.SnapshotStore.
func (s *Store) Create(_ raft.SnapshotVersion, index, term uint64, c raft.Configuration, configIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	return s.newSink(meta{index: index, term: term, configIndex: configIndex, config: raft.EncodeConfiguration(c)})
}

// publish gives a finished checkpoint its name and drops those that are not kept.
func (s *Store) publish(k *sink) error {
	name := s.path(k.id)
	if err := k.f.Close(); err != nil {
		_ = s.fsys.Remove(k.aside)
		return err
	}
	if err := s.fsys.Rename(k.aside, name); err != nil {
		_ = s.fsys.Remove(k.aside)
		return err
	}
	if err := s.syncDir(); err != nil {
		return err
	}
	m, rc, err := s.open(k.id)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.mu.good = append([]*raft.SnapshotMeta{m}, slices.DeleteFunc(s.mu.good, func(o *raft.SnapshotMeta) bool { return o.ID == k.id })...)
	delete(s.mu.bad, k.id)
	s.mu.Unlock()
	return errors.Join(rc.Close(), s.prune())
}

func (s *Store) syncDir() error {
	if s.o.NoSync {
		return nil
	}
	return s.fsys.SyncDir(s.dir)
}

func (s *Store) prune() error { return s.keep(s.o.Kept) }

// Clear deletes all checkpoints, also those that do not check.
func (s *Store) Clear() error { return s.keep(0) }

// keep deletes all but the newest checkpoints that check.
func (s *Store) keep(newest int) error {
	var drop []string
	s.mu.Lock()
	for id := range s.mu.bad {
		drop = append(drop, id)
	}
	clear(s.mu.bad)
	if n := min(newest, len(s.mu.good)); n < len(s.mu.good) {
		for _, m := range s.mu.good[n:] {
			drop = append(drop, m.ID)
		}
		s.mu.good = s.mu.good[:n:n]
	}
	s.mu.Unlock()
	var errs []error
	for _, id := range drop {
		errs = append(errs, s.fsys.Remove(s.path(id)))
	}
	return errors.Join(append(errs, s.syncDir())...)
}

// List implements raft.SnapshotStore.
func (s *Store) List() ([]*raft.SnapshotMeta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mu.good), nil
}

// Open implements raft.SnapshotStore. What it returns fails, naming file and offset, at the first byte that does not check.
func (s *Store) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	m, r, err := s.open(id)
	if err != nil {
		s.Condemn(id, err)
		return nil, nil, err
	}
	return m, r, nil
}

// Condemn takes a checkpoint that could not be restored out of the list.
func (s *Store) Condemn(id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.mu.bad[id]; !known {
		s.mu.bad[id] = err
	}
	s.mu.good = slices.DeleteFunc(s.mu.good, func(m *raft.SnapshotMeta) bool { return m.ID == id })
}

// Problems is what does not check, by file.
func (s *Store) Problems() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []error
	for _, err := range s.mu.bad {
		out = append(out, err)
	}
	return out
}

// Needed is the last log index that no kept checkpoint needs: the oldest one's, or 0 until there are as many as are kept.
func (s *Store) Needed() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.good) < s.o.Kept {
		return 0
	}
	return s.mu.good[len(s.mu.good)-1].Index
}

// Last is the newest checkpoint's index and size in bytes.
func (s *Store) Last() (index uint64, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.good) == 0 {
		return 0, 0
	}
	return s.mu.good[0].Index, s.mu.good[0].Size
}
