package namespace

import (
	"cmp"
	"strings"

	"github.com/millpond/millpond/internal/inodes"
)

// Tree is the replica. Queries run beside each other and wait for one command at most; commands run alone.
type Tree struct {
	locks   locks
	table   *inodes.Table
	mounts  map[uint64]*Mount // by the number of the mount point
	intents map[uint64]*Intent
	nextID  uint64
	index   uint64
	remount uint64 // how often mounts have changed, here
	touched touched
	dirs    *dirCache
	sweeps  []sweep
	leavers []Leaver // in the order in which they said so; a new list for each change
	leaves  uint64   // how often leavers has changed, here
	step    int      // inodes that a command works on at most: stepInodes
	work    workset
}

// New returns a tree of one directory, the root.
func New() *Tree {
	return &Tree{table: inodes.New(), mounts: map[uint64]*Mount{}, intents: map[uint64]*Intent{}, dirs: newDirCache(), step: stepInodes}
}

// Apply makes one change, at the journal's index and time, and returns its encoded Answer and what it asks of the tiers.
func (t *Tree) Apply(index uint64, now int64, cmd []byte) ([]byte, []Effect) {
	x := &applied{index: index, now: now, left: t.step}
	c, err := decodeCmd(cmd)
	if err != nil {
		x.answer.Err = ErrInvalid
		return x.answer.append(nil), nil
	}
	t.locks.lock()
	defer t.locks.unlock()
	paths := t.touches(c)
	c.apply(t, x)
	t.flush()
	t.dirs.fit(t.table.Len())
	x.answer.More = t.unfinished()
	if x.answer.Err == nil || x.partly {
		for _, p := range paths {
			t.touched.mark(p, index)
		}
	}
	t.index = index
	return x.answer.append(nil), x.effects
}

func (x *applied) fail(err error) { x.answer.Err = err }

// unfinished reports whether commands have left something to Continue.
func (t *Tree) unfinished() bool { return t.table.Loose() || len(t.sweeps) > 0 }

func (x *applied) effect(k EffectKind, n *node) {
	x.effects = append(x.effects, Effect{Kind: k, Ino: n.Ino, FileID: n.FileID, Complete: n.Complete, Size: n.Size, BlockSize: n.BlockSize})
}

// MountChanges is how often mounts were made, changed or removed since this process began.
func (t *Tree) MountChanges() uint64 {
	defer t.locks.read(0)()
	return t.remount
}

// walk finds the node at path; nil and the reason where there is none.
func (t *Tree) walk(path string, u *User) (*node, error) {
	ino, err := t.find(path, u)
	if err != nil {
		return nil, err
	}
	return t.node(ino), nil
}

// find is the number of what path names.
func (t *Tree) find(path string, u *User) (uint64, error) {
	if err := CheckPath(path); err != nil {
		return 0, err
	}
	ino := uint64(inodes.Root)
	if path == "/" {
		return ino, nil
	}
	for name := range strings.SplitSeq(path[1:], "/") {
		if err := t.search(ino, u); err != nil {
			return 0, err
		}
		if ino = t.table.Child(ino, name); ino == 0 {
			return 0, ErrNotExist
		}
	}
	return ino, nil
}

// search reports why u may not look for a name in what has that number.
func (t *Tree) search(ino uint64, u *User) error {
	var dir Inode
	switch t.table.Peek(ino, &dir); {
	case !dir.Dir:
		return ErrNotDir
	case !allows(&dir, u, 1):
		return ErrPermission
	}
	return nil
}

func split(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	return cmp.Or(path[:max(i, 0)], "/"), path[i+1:]
}

func join(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}

// pathOf is the path of n, "" where a directory above it is gone.
func (t *Tree) pathOf(n *node) string {
	if t.table.Linked(n.Ino) || n.isRoot() {
		p, _ := t.table.AppendPath(nil, n.Ino)
		return string(p)
	}
	dir, ok := t.table.AppendPath(nil, n.Parent) // a shadow, or not in the table yet
	if !ok {
		return ""
	}
	return join(string(dir), n.Name)
}
