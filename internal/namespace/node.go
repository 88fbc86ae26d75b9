package namespace

import (
	"maps"
	"slices"

	"github.com/millpond/millpond/internal/inodes"
)

// node is an inode while a command works on it: a copy, written back when the command, or a step of it, is done.
type node struct {
	Inode
	was  Inode // as the table has it
	gone bool
}

func (n *node) isRoot() bool { return n.Ino == inodes.Root }

// workLimit is how many nodes a command with many steps works on before it writes them back.
const workLimit = 64

// workset are the nodes of the command that is being applied: one copy of each inode, so that two ways to it see the same.
type workset struct {
	nodes []*node
	spare []*node
	index map[uint64]*node // of the first known nodes, once there are many
	known int
}

// fewNodes are looked through rather than indexed: most commands work on no more.
const fewNodes = 32

func (w *workset) find(ino uint64) *node {
	if len(w.nodes) > fewNodes {
		return w.findMany(ino)
	}
	for _, n := range w.nodes {
		if n.Ino == ino {
			return n
		}
	}
	return nil
}

// findMany is find by the index, which learns first what was added since.
func (w *workset) findMany(ino uint64) *node {
	if w.index == nil {
		w.index = map[uint64]*node{}
	}
	for _, n := range w.nodes[w.known:] {
		if _, ok := w.index[n.Ino]; !ok {
			w.index[n.Ino] = n
		}
	}
	w.known = len(w.nodes)
	return w.index[ino]
}

func (w *workset) add() *node {
	var n *node
	if last := len(w.spare) - 1; last >= 0 {
		n, w.spare = w.spare[last], w.spare[:last]
	} else {
		n = new(node)
	}
	w.nodes = append(w.nodes, n)
	return n
}

func (w *workset) clear() {
	for _, n := range w.nodes {
		*n = node{}
		if len(w.spare) < workLimit {
			w.spare = append(w.spare, n)
		}
	}
	clear(w.nodes)
	w.nodes = w.nodes[:0]
	if w.known > 0 {
		w.index, w.known = nil, 0
	}
}

// node is the inode of that number, nil for none. It is good until the next settle.
func (t *Tree) node(ino uint64) *node {
	if n := t.work.find(ino); n != nil {
		if n.gone {
			return nil
		}
		return n
	}
	n := t.work.add()
	if !t.table.Get(ino, &n.Inode) {
		t.work.spare = append(t.work.spare, n)
		t.work.nodes = t.work.nodes[:len(t.work.nodes)-1]
		return nil
	}
	n.was = n.Inode
	return n
}

// byNumber is node for a number that a caller may have had for long: what was cut off is gone. Of a new version of a file
// whose directory is gone, too, the node is there still.
func (t *Tree) byNumber(ino uint64) *node {
	n := t.node(ino)
	if n != nil && !n.Shadow && !t.table.Attached(ino) {
		return nil
	}
	return n
}

// newNode is a new inode, which is in the table once it is linked or settled.
func (t *Tree) newNode(now int64) *node {
	n := t.work.add()
	n.Inode = Inode{Ino: t.table.Alloc(), ModTime: now, ChangeTime: now}
	return n
}

// flush writes back what was changed.
func (t *Tree) flush() {
	for _, n := range t.work.nodes {
		if !n.gone && !same(&n.Inode, &n.was) {
			t.put(n)
		}
	}
	t.work.clear()
}

// settle ends a step of a command with many: nodes that were asked for before are good no more.
func (t *Tree) settle() {
	if len(t.work.nodes) >= workLimit/2 {
		t.flush()
	}
}

func (t *Tree) put(n *node) {
	t.table.Put(&n.Inode)
	n.was = n.Inode
}

// same reports whether the table need not be told. Lists and maps are never changed in place: equal ones are the same.
func same(a, b *Inode) bool {
	return a.Ino == b.Ino && a.Parent == b.Parent && a.Name == b.Name && a.FileID == b.FileID && a.Size == b.Size &&
		a.ModTime == b.ModTime && a.ChangeTime == b.ChangeTime && a.SyncedAt == b.SyncedAt && a.Version == b.Version &&
		a.Intent == b.Intent && a.BlockSize == b.BlockSize && a.Mode == b.Mode && a.Owner == b.Owner && a.Group == b.Group &&
		a.ReplicasMin == b.ReplicasMin && a.ReplicasMax == b.ReplicasMax && a.TTLAction == b.TTLAction && a.Dir == b.Dir &&
		a.MountPoint == b.MountPoint && a.Shadow == b.Shadow && a.Complete == b.Complete && a.Pinned == b.Pinned &&
		a.ChildrenLoaded == b.ChildrenLoaded && a.Persist == b.Persist && a.Owed == b.Owed && a.TTL == b.TTL && a.TTLFrom == b.TTLFrom &&
		a.Lease == b.Lease && a.ACL == b.ACL && a.DefaultACL == b.DefaultACL && slices.Equal(a.Homes, b.Homes) &&
		maps.EqualFunc(a.Xattr, b.Xattr, func(x, y []byte) bool { return string(x) == string(y) })
}

// kid is what has that name in d, nil for none.
func (t *Tree) kid(d *node, name string) *node {
	if ino := t.table.Child(d.Ino, name); ino != 0 {
		return t.node(ino)
	}
	return nil
}

func (t *Tree) count(d *node) int { return t.table.Count(d.Ino) }

func (t *Tree) link(dir *node, name string, n *node, now int64) {
	n.Parent, n.Name = dir.Ino, name
	t.put(n)
	t.table.Link(n.Ino)
	dir.ModTime = now
}

func (t *Tree) unlink(n *node, now int64) {
	t.table.Unlink(n.Ino)
	if dir := t.node(n.Parent); dir != nil {
		dir.ModTime = now
	}
	t.moved(n)
}

// moved forgets what is remembered of paths through n.
func (t *Tree) moved(n *node) {
	if n.Dir {
		t.dirs.forget()
	}
}

// drop removes n and all below: at once from the tree, and as much as the command may still do from the table, with
// effects.
func (t *Tree) drop(n *node, x *applied) {
	t.moved(n)
	if !same(&n.Inode, &n.was) {
		t.put(n)
	}
	delete(t.mounts, n.Ino)
	if n.Dir {
		t.table.CutOff(n.Ino)
		n.gone = true
		t.forget(x)
		return
	}
	if t.table.Linked(n.Ino) {
		t.table.Unlink(n.Ino)
	}
	x.dropped(&n.Inode)
	t.table.Free(n.Ino)
	n.gone = true
	x.left--
}

// forget forgets what was cut off, as far as the command may.
func (t *Tree) forget(x *applied) {
	x.left -= t.table.Forget(max(x.left, 0), func(in *Inode) {
		if k := t.work.find(in.Ino); k != nil {
			k.gone = true
		}
		x.dropped(in)
	})
}

func (x *applied) dropped(in *Inode) {
	if !in.Dir {
		x.effects = append(x.effects, Effect{Kind: Dropped, Ino: in.Ino, FileID: in.FileID, Complete: in.Complete, Size: in.Size, BlockSize: in.BlockSize})
	}
}
