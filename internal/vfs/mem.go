package vfs

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Mem is a disk in memory that keeps no promise but the documented ones: a Crash loses what was not synced. Names are
// cleaned; relative and absolute ones share one root.
type Mem struct {
	mu    sync.Mutex
	root  *memNode
	limit int64 // bytes; 0 none
	used  int64
	locks map[string]bool
}

// memNode is a file or directory: what a reader sees, what is durable, and what happened between the two.
type memNode struct {
	dir   bool
	mode  fs.FileMode
	mtime time.Time

	data, synced content
	pending      []memWrite // of a file, since its last Sync

	names, kept map[string]*memNode
	changes     []*memChange          // of a directory, not durable yet, in order
	last        map[string]*memChange // the latest of them for each name
}

// memWrite is one change of a file's bytes that no Sync has covered.
type memWrite struct {
	off      int64
	data     []byte
	truncate bool  // to off
	punch    int64 // bytes
}

// memChange is one change of names, which a crash keeps whole or not at all. A rename changes two directories.
type memChange struct {
	steps  []memStep
	before []*memChange // earlier ones of the same names: without them this one cannot have happened
	done   bool
}

type memStep struct {
	dir  *memNode
	name string
	node *memNode // nil: the name goes
}

// NewMem makes an empty disk.
func NewMem() *Mem { return &Mem{root: newMemDir(0o755), locks: map[string]bool{}} }

func newMemDir(mode fs.FileMode) *memNode {
	return &memNode{dir: true, mode: mode.Perm(), mtime: time.Now(), names: map[string]*memNode{}, kept: map[string]*memNode{}}
}

// SetLimit bounds the bytes that files may take; beyond it writes are ENOSPC. 0: no limit.
func (m *Mem) SetLimit(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = bytes
}

func memParts(name string) []string {
	clean := path.Clean("/" + filepath.ToSlash(name))
	if clean == "/" {
		return nil
	}
	return strings.Split(clean[1:], "/")
}

// find walks to name; the last part may be missing (node nil), the others may not.
func (m *Mem) find(op, name string) (dir *memNode, base string, node *memNode, err error) {
	parts := memParts(name)
	node, base = m.root, "/"
	for i, p := range parts {
		if node == nil {
			return nil, "", nil, &fs.PathError{Op: op, Path: name, Err: syscall.ENOENT}
		}
		if !node.dir {
			return nil, "", nil, &fs.PathError{Op: op, Path: name, Err: syscall.ENOTDIR}
		}
		dir, base, node = node, p, node.names[p]
		_ = i
	}
	return dir, base, node, nil
}

// change sets names at once and notes that they are not durable.
func change(steps ...memStep) {
	c := &memChange{steps: steps}
	for _, s := range steps {
		if s.node == nil {
			delete(s.dir.names, s.name)
		} else {
			s.dir.names[s.name] = s.node
		}
		s.dir.mtime = time.Now()
		s.dir.changes = append(s.dir.changes, c)
		if s.dir.last == nil {
			s.dir.last = map[string]*memChange{}
		}
		if e := s.dir.last[s.name]; e != nil && e != c {
			c.before = append(c.before, e)
		}
		s.dir.last[s.name] = c
	}
}

// OpenFile implements FS.
func (m *Mem) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, node, err := m.find("open", name)
	if err != nil {
		return nil, err
	}
	fail := func(e error) (File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: e} }
	switch {
	case node == nil && flag&os.O_CREATE == 0:
		return fail(syscall.ENOENT)
	case node != nil && flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		return fail(syscall.EEXIST)
	case node != nil && node.dir && flag&(os.O_WRONLY|os.O_RDWR|os.O_CREATE) != 0:
		return fail(syscall.EISDIR)
	case node == nil:
		node = &memNode{mode: perm.Perm(), mtime: time.Now()}
		change(memStep{dir, base, node})
	}
	if flag&os.O_TRUNC != 0 && !node.dir {
		m.truncate(node, 0)
	}
	return &memFile{m: m, node: node, name: name, flag: flag}, nil
}

// MkdirAll implements FS.
func (m *Mem) MkdirAll(name string, perm fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.root
	for _, p := range memParts(name) {
		next := node.names[p]
		if next == nil {
			next = newMemDir(perm)
			change(memStep{node, p, next})
		}
		if !next.dir {
			return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
		}
		node = next
	}
	return nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, node, err := m.find("remove", name)
	switch {
	case err != nil:
		return err
	case node == nil:
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOENT}
	case node.dir && (dir == nil || len(node.names) > 0):
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
	}
	m.release(node)
	change(memStep{dir, base, nil})
	return nil
}

// release gives back the space of a file that lost its name.
func (m *Mem) release(node *memNode) { m.used -= node.data.allocated() }

// RemoveAll implements FS.
func (m *Mem) RemoveAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, node, err := m.find("removeall", name)
	if err != nil || node == nil {
		return nil
	}
	if dir == nil {
		return &fs.PathError{Op: "removeall", Path: name, Err: syscall.EBUSY}
	}
	m.removeAll(dir, base, node)
	return nil
}

func (m *Mem) removeAll(dir *memNode, base string, node *memNode) {
	for name, k := range node.names {
		m.removeAll(node, name, k)
	}
	m.release(node)
	change(memStep{dir, base, nil})
}

// Rename implements FS.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	fail := func(err error) error { return &os.LinkError{Op: "rename", Old: from, New: to, Err: err} }
	fd, fb, fn, err := m.find("rename", from)
	if err != nil {
		return fail(syscall.ENOENT)
	}
	td, tb, tn, err := m.find("rename", to)
	switch {
	case err != nil, fn == nil, fd == nil, td == nil:
		return fail(syscall.ENOENT)
	case fn == tn:
		return nil
	case tn != nil && tn.dir && !fn.dir:
		return fail(syscall.EISDIR)
	case tn != nil && !tn.dir && fn.dir:
		return fail(syscall.ENOTDIR)
	case tn != nil && tn.dir && len(tn.names) > 0:
		return fail(syscall.ENOTEMPTY)
	}
	if tn != nil {
		m.release(tn)
	}
	change(memStep{fd, fb, nil}, memStep{td, tb, fn})
	return nil
}

// Stat implements FS.
func (m *Mem) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, base, node, err := m.find("stat", name)
	if err == nil && node == nil {
		err = &fs.PathError{Op: "stat", Path: name, Err: syscall.ENOENT}
	}
	if err != nil {
		return nil, err
	}
	return node.info(base), nil
}

// ReadDir implements FS.
func (m *Mem) ReadDir(name string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _, node, err := m.find("readdir", name)
	switch {
	case err != nil:
		return nil, err
	case node == nil:
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: syscall.ENOENT}
	case !node.dir:
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: syscall.ENOTDIR}
	}
	list := make([]fs.DirEntry, 0, len(node.names))
	for base, k := range node.names {
		list = append(list, fs.FileInfoToDirEntry(k.info(base)))
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// SyncDir implements FS. A rename out of or into the directory becomes durable at both ends.
func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _, node, err := m.find("syncdir", name)
	switch {
	case err != nil:
		return err
	case node == nil:
		return &fs.PathError{Op: "syncdir", Path: name, Err: syscall.ENOENT}
	case !node.dir:
		return &fs.PathError{Op: "syncdir", Path: name, Err: syscall.ENOTDIR}
	}
	for _, c := range node.changes {
		c.keep()
	}
	node.changes, node.last = nil, nil
	return nil
}

// keep makes a change durable, once.
func (c *memChange) keep() {
	if c.done {
		return
	}
	c.done = true
	for _, e := range c.before {
		e.keep()
	}
	c.before = nil
	for _, s := range c.steps {
		if s.node == nil {
			delete(s.dir.kept, s.name)
		} else {
			s.dir.kept[s.name] = s.node
		}
	}
}

// Usage implements FS.
func (m *Mem) Usage(string) (Usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	total := m.limit
	if total == 0 {
		total = 1 << 40
	}
	return Usage{Total: total, Free: max(0, total-m.used)}, nil
}

// Lock implements FS; the holder is this process, whoever asks.
func (m *Mem) Lock(name string) (io.Closer, error) {
	f, err := m.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	f.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	key := strings.Join(memParts(name), "/")
	if m.locks[key] {
		return nil, &LockedError{Name: name, PID: os.Getpid()}
	}
	m.locks[key] = true
	return &memLock{m: m, key: key}, nil
}

type memLock struct {
	m    *Mem
	key  string
	once sync.Once
}

func (l *memLock) Close() error {
	l.once.Do(func() {
		l.m.mu.Lock()
		defer l.m.mu.Unlock()
		delete(l.m.locks, l.key)
	})
	return nil
}

// Crash returns the disk that a machine finds after losing its power now: everything durable, and of the rest what rng
// chooses, each change of names whole or not, writes torn at 512 bytes. The old disk stays usable and is detached.
func (m *Mem) Crash(rng *rand.Rand) *Mem {
	return m.crash(func() bool { return rng.IntN(2) == 0 })
}

// CrashKeepingNothing is Crash where nothing survives that was not synced.
func (m *Mem) CrashKeepingNothing() *Mem { return m.crash(func() bool { return false }) }

// Copy is what the next process finds after this one was killed now: everything that was written. The old disk stays usable and
// is detached.
func (m *Mem) Copy() *Mem { return m.crash(func() bool { return true }) }

func (m *Mem) crash(keep func() bool) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &crasher{keep: keep, seen: map[*memNode]*memNode{}, fate: map[*memChange]bool{}}
	out := &Mem{root: c.node(m.root), limit: m.limit, locks: map[string]bool{}}
	for _, n := range c.seen {
		out.used += n.data.allocated()
	}
	return out
}
