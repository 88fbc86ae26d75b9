package cachefs_test

import (
	"fmt"
	"strings"

	"github.com/millpond/millpond/cachefs"
)

// forget removes a file from the cache alone: what the store has comes back at the next look, without what only the
// namespace knew of it.
func (m *machine) forget(o op) error {
	e := m.model.nodes[o.path]
	if e == nil || e.dir || e.pending { // whether an upload is through nobody can say
		return nil
	}
	if key, ok := strings.CutPrefix(o.path, "/m/"); ok && !e.persisted {
		if _, err := m.store.UFS().Stat(m.ctx, key); err == nil { // an older version, which would come back
			return nil
		}
	}
	if err := m.node.Remove(m.ctx, o.path, &cachefs.RemoveOptions{CacheOnly: true}); err != nil {
		return err
	}
	if !e.persisted {
		delete(m.model.nodes, o.path)
		_, err := m.node.Stat(m.ctx, o.path, nil)
		return m.simple(err, []error{cachefs.ErrNotExist}, nil)
	}
	e.pinned, e.tag, e.maybeLost, e.outside = false, "", false, true
	if err := m.stat(op{kind: "stat", path: o.path, flags: "s"}); err != nil {
		return fmt.Errorf("after it was forgotten: %w", err)
	}
	return m.read(op{kind: "read", path: o.path})
}

// unseen removes a directory in which the store has what the namespace has not seen: that wants Unchecked.
func (m *machine) unseen(o op) error {
	e, key := m.model.nodes[o.path], strings.TrimPrefix(strings.TrimPrefix(o.path, "/m"), "/")
	if e == nil || !e.dir || key == "" {
		return nil
	}
	store := m.store.UFS()
	if _, err := store.Stat(m.ctx, key); err != nil {
		return nil // only the namespace has it
	}
	if err := m.list(op{kind: "list", path: o.path}); err != nil { // from here on it believes to know it
		return err
	}
	if err := putOutside(m.ctx, store, key+"/unseen", []byte("x")); err != nil {
		return err
	}
	err := m.node.Remove(m.ctx, o.path, &cachefs.RemoveOptions{Recursive: true, Unchecked: o.has("f")})
	if !o.has("f") {
		if err := store.Delete(m.ctx, key+"/unseen"); err != nil {
			return fmt.Errorf("what was refused: %w", err)
		}
		return m.simple(err, []error{cachefs.ErrNotEmpty}, nil)
	}
	if err := m.simple(err, nil, func() { m.model.remove(o.path) }); err != nil {
		return err
	}
	_, err = store.Stat(m.ctx, key)
	return m.simple(err, []error{cachefs.ErrNotExist}, nil)
}
