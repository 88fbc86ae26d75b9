// Package memufs is an under store in memory, for unit tests: versions, latency, faults and call counts.
package memufs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

func init() {
	ufs.Register("mem", func(_ context.Context, u *url.URL) (driver.Store, string, error) {
		return New(nil), "mem://" + u.Host, nil
	})
}

// Options tune New.
type Options struct {
	Latency time.Duration
	UFS     *ufs.Options
}

// Store is a store in memory.
type Store struct {
	o  Options
	u  *ufs.Store
	mu struct {
		sync.Mutex
		nodes map[string]*node
		next  int
		hook  func(op, key string) error
		calls map[string]int
	}
}

type node struct {
	dir  bool
	data []byte
	ver  string
	mod  time.Time
	mode fs.FileMode
}

// New makes an empty store. Options that are wrong panic.
func New(o *Options) *Store {
	s := &Store{}
	if o != nil {
		s.o = *o
	}
	s.mu.nodes = map[string]*node{"": {dir: true, mod: time.Now(), mode: 0o755}}
	s.mu.calls = map[string]int{}
	u, err := ufs.New(s, fmt.Sprintf("mem://%p", s), s.o.UFS)
	if err != nil {
		panic(err) // a fake's Options are written by hand: no test has to handle that
	}
	s.u = u
	return s
}

// UFS is the store as a mount takes it.
func (s *Store) UFS() *ufs.Store { return s.u }

// OnCall sets a hook that is asked before each call.
func (s *Store) OnCall(hook func(op, key string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.hook = hook
}

// Calls counts the calls of each kind.
func (s *Store) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := map[string]int{}
	maps.Copy(m, s.mu.calls)
	return m
}

func (s *Store) enter(ctx context.Context, op, key string) error {
	if s.o.Latency > 0 {
		select {
		case <-time.After(s.o.Latency):
		case <-ctx.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	s.mu.calls[op]++
	hook := s.mu.hook
	s.mu.Unlock()
	if hook != nil {
		return hook(op, key)
	}
	return nil
}

func (s *Store) Caps() driver.Caps {
	return driver.Caps{Rename: true, RenameDir: true, AtomicReplace: true, Copy: false, Directories: true, IfAbsent: true, IfVersion: true, Mode: true, PageSize: 1000}
}

func (s *Store) findLocked(key string) (*node, error) {
	if n := s.mu.nodes[key]; n != nil {
		return n, nil
	}
	for d := path.Dir(key); d != "."; d = path.Dir(d) {
		if n := s.mu.nodes[d]; n != nil && !n.dir {
			return nil, driver.ErrNotExist
		}
	}
	return nil, driver.ErrNotExist
}

func attr(key string, n *node) driver.Attr {
	a := driver.Attr{Key: key, Dir: n.dir, ModTime: n.mod, Mode: n.mode}
	if !n.dir {
		a.Size, a.Version = int64(len(n.data)), n.ver
	}
	return a
}

func (s *Store) Stat(ctx context.Context, key string) (driver.Attr, error) {
	if err := s.enter(ctx, "stat", key); err != nil {
		return driver.Attr{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.findLocked(key)
	if err != nil {
		return driver.Attr{}, err
	}
	return attr(key, n), nil
}

func (s *Store) List(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
	if err := s.enter(ctx, "list", o.Prefix); err != nil {
		return driver.Page{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.findLocked(o.Prefix)
	if err != nil {
		return driver.Page{}, err
	}
	if !n.dir {
		return driver.Page{}, driver.ErrNotDir
	}
	var keys []string
	for k := range s.mu.nodes {
		if k == "" {
			continue
		}
		rel, ok := k, true
		if o.Prefix != "" {
			rel, ok = strings.CutPrefix(k, o.Prefix+"/")
		}
		if ok && (o.Recursive || !strings.Contains(rel, "/")) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b string) int { return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/")) })
	after := max(o.StartAfter, o.Token)
	limit := o.Limit
	if limit <= 0 || limit > 1000 {
		limit = 1000
	}
	var p driver.Page
	for _, k := range keys {
		if after != "" && slices.Compare(strings.Split(k, "/"), strings.Split(after, "/")) <= 0 {
			continue
		}
		if len(p.Entries) == limit {
			p.Token = p.Entries[limit-1].Key
			break
		}
		p.Entries = append(p.Entries, attr(k, s.mu.nodes[k]))
	}
	return p, nil
}

func (s *Store) Open(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
	if err := s.enter(ctx, "open", key); err != nil {
		return nil, driver.Attr{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	nd, err := s.findLocked(key)
	if err != nil {
		return nil, driver.Attr{}, err
	}
	a := attr(key, nd)
	if nd.dir {
		return nil, a, driver.ErrIsDir
	}
	if version != "" && version != nd.ver {
		return nil, a, driver.ErrChanged
	}
	off = min(off, a.Size)
	if n < 0 || off+n > a.Size {
		n = a.Size - off
	}
	return io.NopCloser(bytes.NewReader(nd.data[off : off+n])), a, nil
}

type writer struct {
	s   *Store
	key string
	o   driver.CreateOptions
	buf bytes.Buffer
}

func (s *Store) parentLocked(key string, make bool) error {
	d := path.Dir(key)
	if d == "." {
		return nil
	}
	if n := s.mu.nodes[d]; n != nil {
		if !n.dir {
			return driver.ErrNotDir
		}
		return nil
	}
	if !make {
		return driver.ErrNotExist
	}
	if err := s.parentLocked(d, true); err != nil {
		return err
	}
	s.mu.nodes[d] = &node{dir: true, mod: time.Now(), mode: 0o755}
	return nil
}

func (s *Store) Create(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
	if err := s.enter(ctx, "create", key); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.parentLocked(key, o.Parents); err != nil {
		return nil, err
	}
	return &writer{s: s, key: key, o: o}, nil
}

func (w *writer) Write(p []byte) (int, error) { return w.buf.Write(p) }
func (w *writer) Abort(context.Context) error { return nil }
func (w *writer) Commit(ctx context.Context) (driver.Attr, error) {
	s := w.s
	if err := s.enter(ctx, "commit", w.key); err != nil {
		return driver.Attr{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.parentLocked(w.key, w.o.Parents); err != nil {
		return driver.Attr{}, err
	}
	old := s.mu.nodes[w.key]
	if old != nil && old.dir {
		return driver.Attr{}, driver.ErrIsDir
	}
	if old != nil && w.o.IfAbsent {
		return driver.Attr{}, driver.ErrExist
	}
	mode := w.o.Mode
	if mode == 0 {
		mode = 0o644
	}
	s.mu.next++
	n := &node{data: w.buf.Bytes(), ver: fmt.Sprintf("v%d", s.mu.next), mod: time.Now(), mode: mode}
	s.mu.nodes[w.key] = n
	return attr(w.key, n), nil
}

func (s *Store) childrenLocked(key string) bool {
	for k := range s.mu.nodes {
		if strings.HasPrefix(k, key+"/") {
			return true
		}
	}
	return false
}

func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.enter(ctx, "delete", key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.findLocked(key)
	if err != nil {
		return err
	}
	if n.dir && s.childrenLocked(key) {
		return driver.ErrNotEmpty
	}
	delete(s.mu.nodes, key)
	return nil
}

func (s *Store) Close() error { return nil }

func (s *Store) Rename(ctx context.Context, from, to string, overwrite bool) (driver.Attr, error) {
	if err := s.enter(ctx, "rename", from); err != nil {
		return driver.Attr{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.findLocked(from)
	if err != nil {
		return driver.Attr{}, err
	}
	if err := s.parentLocked(to, false); err != nil {
		return driver.Attr{}, err
	}
	if t := s.mu.nodes[to]; t != nil {
		if !overwrite || t.dir {
			return driver.Attr{}, driver.ErrExist
		}
	}
	moved := map[string]*node{to: n}
	for k, v := range s.mu.nodes {
		if rest, ok := strings.CutPrefix(k, from+"/"); ok {
			moved[to+"/"+rest] = v
			delete(s.mu.nodes, k)
		}
	}
	delete(s.mu.nodes, from)
	maps.Copy(s.mu.nodes, moved)
	return attr(to, n), nil
}

func (s *Store) Mkdir(ctx context.Context, key string, parents bool, mode fs.FileMode) error {
	if err := s.enter(ctx, "mkdir", key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.mu.nodes[key]; n != nil {
		if n.dir && parents {
			return nil
		}
		return driver.ErrExist
	}
	if err := s.parentLocked(key, parents); err != nil {
		return err
	}
	s.mu.nodes[key] = &node{dir: true, mod: time.Now(), mode: mode}
	return nil
}

func (s *Store) SetMode(ctx context.Context, key string, mode fs.FileMode) (driver.Attr, error) {
	if err := s.enter(ctx, "setmode", key); err != nil {
		return driver.Attr{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.findLocked(key)
	if err != nil {
		return driver.Attr{}, err
	}
	n.mode = mode
	return attr(key, n), nil
}
