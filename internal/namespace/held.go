package namespace

import (
	"slices"
	"strings"
)

// mountOf is the mount that n lies in, nil for none.
func (t *Tree) mountOf(n *node) *node {
	for ; n != nil && !n.isRoot(); n = t.node(n.Parent) {
		if n.MountPoint {
			return n
		}
	}
	return nil
}

// mountBelow reports whether something is mounted below n.
func (t *Tree) mountBelow(n *node) bool {
	for ino := range t.mounts {
		if ino != n.Ino && t.table.Above(n.Ino, ino) {
			return true
		}
	}
	return false
}

func (t *Tree) readOnly(n *node) bool {
	m := t.mountOf(n)
	return m != nil && t.mounts[m.Ino].ReadOnly
}

// held reports the intent that keeps n from being changed: on n, above it (subtree intents).
func (t *Tree) held(n *node) error {
	for k := n; k != nil; k = t.node(k.Parent) {
		if k.Intent != 0 {
			if in := t.intents[k.Intent]; k == n || in == nil || in.Kind == IntentRemove || in.Kind == IntentRename {
				return &IntentError{ID: k.Intent}
			}
		}
		if k.isRoot() {
			break
		}
	}
	return nil
}

// heldBelow also looks at what intents hold under n.
func (t *Tree) heldBelow(n *node) error {
	if err := t.held(n); err != nil {
		return err
	}
	dir := t.pathOf(n) + "/"
	id := t.lowest(func(in *Intent) bool { // a name that is about to be made below n holds it too
		return strings.HasPrefix(in.To, dir) || in.Kind == IntentMkdir && strings.HasPrefix(in.Path, dir)
	})
	for k, in := range t.intents {
		if (id == 0 || k < id) && slices.ContainsFunc(in.marks, func(ino uint64) bool { return t.table.Above(n.Ino, ino) }) {
			id = k
		}
	}
	if id != 0 {
		return &IntentError{ID: id}
	}
	return nil
}

// lowest is the first intent that holds, 0 for none: every replica names the same one.
func (t *Tree) lowest(holds func(*Intent) bool) (id uint64) {
	for k, in := range t.intents {
		if (id == 0 || k < id) && holds(in) {
			id = k
		}
	}
	return id
}

// freeName checks that no intent reserves a name that does not exist yet.
func (t *Tree) freeName(path string) error {
	id := t.lowest(func(in *Intent) bool { return in.To == path || in.Kind == IntentMkdir && in.Path == path })
	if id != 0 {
		return &IntentError{ID: id}
	}
	return nil
}
