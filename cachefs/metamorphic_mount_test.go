package cachefs_test

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
)

// secondMount is where a run mounts another store, and unmounts it.
const secondMount = "/n"

// sideStore is that store: a URL names it, so that a node that starts again finds it by itself.
type sideStore struct {
	name  string
	store *memufs.Store
	files map[string][]byte // what it has
}

var (
	seconds     sync.Map // name to *sideStore
	lastSecond  atomic.Int64
	registerOne = sync.OnceFunc(func() {
		ufs.Register("side", func(_ context.Context, u *url.URL) (driver.Store, string, error) {
			s, ok := seconds.Load(u.Host)
			if !ok {
				return nil, "", fmt.Errorf("no store %q", u.Host)
			}
			return s.(*sideStore).store, "side://" + u.Host, nil
		})
	})
)

func newSideStore() *sideStore {
	registerOne()
	s := &sideStore{name: fmt.Sprint(lastSecond.Add(1)), store: memufs.New(nil), files: map[string][]byte{}}
	seconds.Store(s.name, s)
	return s
}

func (s *sideStore) forget() { seconds.Delete(s.name) }

// mounting mounts the second store, looks that it has its files, and writes another; or unmounts it.
func (m *machine) mounting(o op) error {
	there := m.model.nodes[secondMount] != nil
	if o.kind == "unmount" {
		return m.unmount(o, there)
	}
	var want []error
	if there {
		want = []error{cachefs.ErrExist, cachefs.ErrInvalid}
	}
	err := m.node.Mount(m.ctx, secondMount, "side://"+m.other.name, &cachefs.MountOptions{})
	if err := m.simple(err, want, func() { m.model.nodes[secondMount] = &entry{dir: true, mount: true, persisted: true} }); err != nil || there {
		return err
	}
	for name, data := range maps.All(m.other.files) {
		m.model.nodes[secondMount+"/"+name] = &entry{data: data, persisted: true, outside: true}
	}
	if err := m.list(op{kind: "list", path: secondMount}); err != nil {
		return err
	}
	name := fmt.Sprintf("f%d", o.seed%5)
	put := op{kind: "create", path: secondMount + "/" + name, wt: int(cachefs.Through), flags: "o", size: o.size, seed: o.seed}
	if err := m.create(put); err != nil {
		return err
	}
	m.other.files[name] = m.model.nodes[put.path].data
	for name := range m.other.files {
		if err := m.read(op{kind: "read", path: secondMount + "/" + name}); err != nil {
			return err
		}
	}
	return nil
}

// unmount takes the second store away. What only the cache has there, it loses with Force alone.
func (m *machine) unmount(o op, there bool) error {
	var want []error
	if !there {
		want = []error{cachefs.ErrNotMounted, cachefs.ErrNotExist}
	} else if o.has("a") {
		only := op{kind: "create", path: secondMount + "/only", wt: int(cachefs.MustCache), flags: "o", size: o.size, seed: o.seed}
		if err := m.create(only); err != nil {
			return err
		}
	}
	if e := m.model.nodes[secondMount+"/only"]; e != nil && !o.has("f") {
		want = []error{cachefs.ErrNotPersisted}
	}
	err := m.node.Unmount(m.ctx, secondMount, &cachefs.UnmountOptions{Force: o.has("f")})
	return m.simple(err, want, func() { m.model.remove(secondMount) })
}
