package namespace

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
)

type node struct {
	Inode
	kids   map[string]*node
	sorted []string // names of kids in order, nil when unknown
	shadow bool     // a new version on its way: linked to a name at completion
	mount  *Mount
}

// Tree is the replica.
type Tree struct {
	mu      sync.RWMutex
	root    *node
	nodes   map[uint64]*node
	next    uint64
	intents map[uint64]*Intent
	nextID  uint64
	index   uint64
	touched touched
}

func New() *Tree {
	t := &Tree{nodes: map[uint64]*node{}, intents: map[uint64]*Intent{}, next: 1}
	t.root = &node{Inode: Inode{Ino: 1, Dir: true, Mode: 0o755, Complete: true, ChildrenLoaded: true}, kids: map[string]*node{}}
	t.nodes[1] = t.root
	return t
}

func (t *Tree) Apply(index uint64, now int64, cmd []byte) ([]byte, []Effect) {
	x := &applied{index: index, now: now}
	c, err := decodeCmd(cmd)
	if err != nil {
		x.answer.Err = ErrInvalid
	} else {
		t.mu.Lock()
		paths := t.touches(c)
		c.apply(t, x)
		if x.answer.Err == nil {
			for _, p := range paths {
				t.touched.mark(p, index)
			}
		}
		t.index = index
		t.mu.Unlock()
	}
	return x.answer.append(nil), x.effects
}

func (x *applied) fail(err error) { x.answer.Err = err }

func (x *applied) effect(k EffectKind, n *node) {
	x.effects = append(x.effects, Effect{Kind: k, Ino: n.Ino, FileID: n.FileID, Size: n.Size, BlockSize: n.BlockSize})
}

// walk finds the node at path; nil and the reason where there is none.
func (t *Tree) walk(path string, u *User) (*node, error) {
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	n := t.root
	if path == "/" {
		return n, nil
	}
	for name := range strings.SplitSeq(path[1:], "/") {
		if !n.Dir {
			return nil, ErrNotDir
		}
		if !n.may(u, 1) {
			return nil, ErrPermission
		}
		k := n.kids[name]
		if k == nil {
			return nil, ErrNotExist
		}
		n = k
	}
	return n, nil
}

func split(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	return cmp.Or(path[:i], "/"), path[i+1:]
}

func join(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}

func (t *Tree) pathOf(n *node) string {
	if n == t.root {
		return "/"
	}
	var parts []string
	for ; n != t.root; n = t.nodes[n.Parent] {
		if n == nil {
			return ""
		}
		parts = append(parts, n.Name)
	}
	slices.Reverse(parts)
	return "/" + strings.Join(parts, "/")
}

func (t *Tree) link(dir *node, name string, n *node, now int64) {
	n.Parent, n.Name = dir.Ino, name
	dir.kids[name] = n
	dir.sorted = nil
	dir.ModTime = now
	t.nodes[n.Ino] = n
}

func (t *Tree) unlink(n *node, now int64) {
	dir := t.nodes[n.Parent]
	if dir != nil && dir.kids[n.Name] == n {
		delete(dir.kids, n.Name)
		dir.sorted = nil
		dir.ModTime = now
	}
}

// drop removes n and all below, with effects.
func (t *Tree) drop(n *node, x *applied) {
	for _, name := range slices.Sorted(maps.Keys(n.kids)) { // in order: replicas do the same
		t.drop(n.kids[name], x)
	}
	t.unlinkOnly(n)
	delete(t.nodes, n.Ino)
	if !n.Dir {
		x.effect(Dropped, n)
	}
}

func (t *Tree) unlinkOnly(n *node) {
	if dir := t.nodes[n.Parent]; dir != nil && !n.shadow && dir.kids[n.Name] == n {
		delete(dir.kids, n.Name)
		dir.sorted = nil
	}
}

func (t *Tree) newNode(now int64) *node {
	t.next++
	return &node{Inode: Inode{Ino: t.next, ModTime: now, ChangeTime: now}}
}

// below calls f for n and everything under it, until f says no.
func below(n *node, f func(*node) bool) bool {
	if !f(n) {
		return false
	}
	for _, k := range n.kids {
		if !below(k, f) {
			return false
		}
	}
	return true
}

// mountOf is the mount that n lies in, nil for none.
func (t *Tree) mountOf(n *node) *node {
	for ; n != nil && n != t.root; n = t.nodes[n.Parent] {
		if n.MountPoint {
			return n
		}
	}
	return nil
}

func (t *Tree) readOnly(n *node) bool {
	m := t.mountOf(n)
	return m != nil && m.mount.ReadOnly
}

// held reports the intent that keeps n from being changed: on n, above it (subtree intents).
func (t *Tree) held(n *node) error {
	for k := n; k != nil; k = t.nodes[k.Parent] {
		if k.Intent != 0 {
			if in := t.intents[k.Intent]; k == n || in == nil || in.Kind == IntentRemove || in.Kind == IntentRename {
				return &IntentError{ID: k.Intent}
			}
		}
		if k == t.root {
			break
		}
	}
	return nil
}

// heldBelow also looks at everything under n.
func (t *Tree) heldBelow(n *node) error {
	if err := t.held(n); err != nil {
		return err
	}
	dir := t.pathOf(n) + "/"
	id := t.lowest(func(in *Intent) bool { // a name that is about to be made below n holds it too
		return strings.HasPrefix(in.To, dir) || in.Kind == IntentMkdir && strings.HasPrefix(in.Path, dir)
	})
	below(n, func(k *node) bool {
		if k.Intent != 0 && (id == 0 || k.Intent < id) {
			id = k.Intent
		}
		return true
	})
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
