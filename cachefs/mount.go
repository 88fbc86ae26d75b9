package cachefs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/ufs"
)

// mountSpec is what the journal keeps of a mount, beside its path: the namespace does not look inside. JSON, so that a
// dump of the journal can be read, and fields may be added.
type mountSpec struct {
	URL   string        `json:"url,omitempty"` // "": the store was handed over, and must be again after a restart
	Store string        `json:"store"`         // ufs.Store.ID
	Sync  time.Duration `json:"sync,omitempty"`
}

func (s mountSpec) encode() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and a number: cannot happen
	}
	return b
}

// mount is one mount of this node. Everything but the store is fixed.
type mount struct {
	path     string
	spec     mountSpec
	readOnly bool
	opts     *ufs.Options

	mu struct {
		sync.Mutex
		store *ufs.Store // nil: not open yet, opened when it is needed
		owned bool       // opened here: closed here
	}
	store atomic.Pointer[ufs.Store] // mu.store, for the hot path
}

// open returns the mount's store. One that could not be opened when the node started is tried again here.
func (m *mount) open(ctx context.Context) (*ufs.Store, error) {
	if s := m.store.Load(); s != nil {
		return s, nil
	}
	if m.spec.URL == "" {
		return nil, fmt.Errorf("mount %s: its store %s was handed over opened; give it in Config.Mounts again", m.path, m.spec.Store)
	}
	s, err := ufs.Open(ctx, m.spec.URL, m.opts) // outside the lock: it may wait for the store
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", m.path, err)
	}
	if s.ID() != m.spec.Store {
		s.Close()
		return nil, fmt.Errorf("mount %s: %q is now store %s; it was %s when it was mounted", m.path, m.spec.URL, s.ID(), m.spec.Store)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.store != nil {
		s.Close()
		return m.mu.store, nil
	}
	m.setLocked(s, true)
	return s, nil
}

// onlyReads reports whether the store, if it is open, takes no changes.
func (m *mount) onlyReads() bool {
	s := m.store.Load()
	return s != nil && s.Caps().ReadOnly
}

func (m *mount) setLocked(s *ufs.Store, owned bool) {
	m.mu.store, m.mu.owned = s, owned
	m.store.Store(s)
}

// close closes the store if this node opened it.
func (m *mount) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.store == nil || !m.mu.owned {
		return nil
	}
	return m.mu.store.Close()
}

// fresh reports whether what was seen at a time is still believed. What was seen later than it is now, by a clock that was
// ahead, is of unknown age.
func (m *mount) fresh(seen time.Time) bool {
	switch {
	case m.spec.Sync == SyncNever:
		return true
	case m.spec.Sync < 0:
		return false
	}
	age := time.Since(seen)
	return age > -aheadOfClock && age < m.spec.Sync
}

// aheadOfClock is how far the journal's time, which goes up with every entry, may be ahead of a clock that is right.
const aheadOfClock = time.Second

// mountTable is the node's mounts, read without a lock.
type mountTable struct {
	list atomic.Pointer[[]*mount] // longest path first
	mu   sync.Mutex               // changes
}

func (t *mountTable) all() []*mount {
	if p := t.list.Load(); p != nil {
		return *p
	}
	return nil
}

// find returns the mount that holds path and path's key in its store; nil if none does.
func (t *mountTable) find(path string) (*mount, string) {
	for _, m := range t.all() {
		if key, ok := below(m.path, path); ok {
			return m, key
		}
	}
	return nil, ""
}

// of is the mount that holds path, nil for none.
func (t *mountTable) of(path string) *mount {
	m, _ := t.find(path)
	return m
}

// below lists the mounts below path, but not at it, the deepest first.
func (t *mountTable) below(path string) (list []*mount) {
	for _, m := range t.all() {
		if rel, ok := below(path, m.path); ok && rel != "" {
			list = append(list, m)
		}
	}
	return list
}

// replace takes old out and puts m in, in one step: nobody finds neither. Either may be nil.
func (t *mountTable) replace(old, m *mount) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(t.all()), func(k *mount) bool { return k == old })
	if m != nil {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *mount) int {
		return cmp.Or(cmp.Compare(len(b.path), len(a.path)), cmp.Compare(a.path, b.path))
	})
	t.list.Store(&list)
}
