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
	raw      string // spec as the journal has it
	readOnly bool
	opts     *ufs.Options
	*opened
}

// opened is the store of a mount, which outlives a change of its description.
type opened struct {
	mu struct {
		sync.Mutex
		store  *ufs.Store // nil: not open yet, opened when it is needed
		owned  bool       // opened here: closed here
		closed bool
		err    error // why it could not be opened the last time
	}
	store atomic.Pointer[ufs.Store] // mu.store, for the hot path
}

// open returns the mount's store. One that could not be opened when the node started is tried again here.
func (m *mount) open(ctx context.Context) (*ufs.Store, error) {
	if s := m.store.Load(); s != nil {
		return s, nil
	}
	s, err := m.openURL(ctx) // outside the lock: it may wait for the store
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.store != nil || m.mu.closed {
		if err == nil {
			s.Close()
		}
		if m.mu.closed {
			return nil, fmt.Errorf("mount %s: %w", m.path, ErrNotMounted)
		}
		return m.mu.store, nil
	}
	if m.mu.err = err; err != nil {
		return nil, err
	}
	m.setLocked(s, true)
	return s, nil
}

func (m *mount) openURL(ctx context.Context) (*ufs.Store, error) {
	if m.spec.URL == "" {
		return nil, fmt.Errorf("mount %s: its store %s was handed over opened; give it in Config.Mounts again", m.path, m.spec.Store)
	}
	s, err := ufs.Open(ctx, m.spec.URL, m.opts)
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", m.path, err)
	}
	if s.ID() != m.spec.Store {
		s.Close()
		return nil, fmt.Errorf("mount %s: %q is now store %s; it was %s when it was mounted", m.path, m.spec.URL, s.ID(), m.spec.Store)
	}
	return s, nil
}

// onlyReads reports whether the store, if it is open, takes no changes.
func (m *mount) onlyReads() bool {
	s := m.store.Load()
	return s != nil && s.Caps().ReadOnly
}

// listsLate reports whether the store, if it is open, lists for a while without what was just written.
func (m *mount) listsLate() bool {
	s := m.store.Load()
	return s != nil && s.Caps().EventualList
}

func (o *opened) set(store *ufs.Store, owned bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.setLocked(store, owned)
}

func (o *opened) setLocked(s *ufs.Store, owned bool) {
	o.mu.store, o.mu.owned, o.mu.err = s, owned, nil
	o.store.Store(s)
}

// failure is why the store could not be opened, nil if it is open or was never tried.
func (o *opened) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.mu.err
}

// close closes the store if this node opened it; again it does nothing.
func (o *opened) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	first := !o.mu.closed
	o.mu.closed = true
	if !first || o.mu.store == nil || !o.mu.owned {
		return nil
	}
	return o.mu.store.Close()
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
	list   atomic.Pointer[[]*mount] // longest path first
	mu     sync.Mutex               // changes
	coming map[*mount]struct{}      // made here, on their way into the journal
}

func (t *mountTable) all() []*mount {
	if p := t.list.Load(); p != nil {
		return *p
	}
	return nil
}

// at is the mount whose mount point path is, nil for none.
func (t *mountTable) at(path string) *mount {
	if m, key := t.find(path); key == "" {
		return m
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

// expect has a mount that is being made stand for what the journal will say of it: its store is open.
func (t *mountTable) expect(m *mount) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.coming == nil {
		t.coming = map[*mount]struct{}{}
	}
	t.coming[m] = struct{}{}
}

// arrived ends expect. It reports whether m is a mount by now.
func (t *mountTable) arrived(m *mount) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.coming, m)
	return slices.Contains(t.all(), m)
}

// expectedLocked is the mount that was made here for path and the description raw.
func (t *mountTable) expectedLocked(path, raw string) *mount {
	for m := range t.coming {
		if m.path == path && m.raw == raw {
			return m
		}
	}
	return nil
}

// becomeLocked makes the table what next says, in one step: nobody finds a mount missing that is in both. gone are those whose
// stores nobody needs any more.
func (t *mountTable) becomeLocked(next []*mount) (gone []*mount) {
	kept := map[*opened]bool{}
	for _, m := range next {
		kept[m.opened] = true
	}
	for _, m := range t.all() {
		if !kept[m.opened] {
			gone = append(gone, m)
		}
	}
	slices.SortFunc(next, func(a, b *mount) int {
		return cmp.Or(cmp.Compare(len(b.path), len(a.path)), cmp.Compare(a.path, b.path))
	})
	t.list.Store(&next)
	return gone
}
