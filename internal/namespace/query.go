package namespace

import (
	"maps"
	"slices"
	"strings"

	"github.com/millpond/millpond/internal/inodes"
)

// Stat is the inode at path. ErrNotExist, ErrNotDir, ErrPermission, ErrInvalid.
func (t *Tree) Stat(path string, u *User) (in Inode, err error) {
	err = t.lookup(path, u, func(ino uint64) { t.table.GetNamed(ino, path[strings.LastIndexByte(path, '/')+1:], &in) })
	return in, err
}

// StatEntry is Stat into an Entry of the caller's, which is not touched where there is an error. It allocates nothing for
// most files.
func (t *Tree) StatEntry(path string, u *User, e *Entry) error {
	return t.lookup(path, u, func(ino uint64) { t.table.Entry(ino, path, e) })
}

// lookup calls found, under the lock, with the number of what path names. Without permissions to be looked at, it
// remembers directories by their paths.
func (t *Tree) lookup(path string, u *User, found func(ino uint64)) error {
	i := strings.LastIndexByte(path, '/')
	if u != nil || i <= 0 || len(path) > maxPath {
		defer t.locks.read(uint64(len(path)))()
		ino, err := t.find(path, u)
		if err == nil {
			found(ino)
		}
		return err
	}
	hash := t.dirs.hash(path[:i])
	s := &t.locks.stripe[(hash+uint64(path[len(path)-1]))%stripes]
	s.RLock()
	defer s.RUnlock()
	if dir := t.dirs.get(hash); dir != 0 {
		if ino := t.table.Child(dir, path[i+1:]); ino != 0 {
			found(ino)
			return nil
		}
	}
	ino, err := t.find(path, nil)
	if err != nil {
		return err
	}
	found(ino)
	t.dirs.put(hash, t.table.Parent(ino))
	return nil
}

// Get is the inode of that number.
func (t *Tree) Get(ino uint64) (in Inode, ok bool) {
	defer t.locks.read(ino)()
	ok = t.table.Get(ino, &in)
	return in, ok
}

// Path is where an inode stands. A new version that has no name yet stands nowhere.
func (t *Tree) Path(ino uint64) (string, bool) {
	defer t.locks.read(ino)()
	if ino != inodes.Root && !t.table.Linked(ino) {
		return "", false
	}
	p, ok := t.table.AppendPath(nil, ino)
	return string(p), ok
}

// List returns up to limit entries of dir after a name, in the order of name bytes, and whether there are more.
func (t *Tree) List(dir string, u *User, after string, limit int, dst []Inode) ([]Inode, bool, error) {
	defer t.locks.read(uint64(len(dir)))()
	ino, err := t.listable(dir, u)
	if err != nil {
		return dst, false, err
	}
	dst, more := t.table.List(ino, after, limit, dst)
	return dst, more, nil
}

// Entries is List with paths, as entries to be handed out. limit is at least 1. The list must not be changed: a directory that
// did not change gives the same one again.
func (t *Tree) Entries(dir string, u *User, after string, limit int) ([]*Entry, bool, error) {
	defer t.locks.read(uint64(len(dir)))()
	ino, err := t.listable(dir, u)
	if err != nil {
		return nil, false, err
	}
	list, more := t.table.Entries(ino, strings.TrimSuffix(dir, "/")+"/", after, limit)
	return list, more, nil
}

// listable is the number of a directory that u may list.
func (t *Tree) listable(dir string, u *User) (uint64, error) {
	ino, err := t.find(dir, u)
	if err != nil {
		return 0, err
	}
	var d Inode
	switch t.table.Peek(ino, &d); {
	case !d.Dir:
		return 0, ErrNotDir
	case !allows(&d, u, 4):
		return 0, ErrPermission
	}
	return ino, nil
}

// Mounts are all mounts, the oldest mount point first.
func (t *Tree) Mounts() []Mount {
	defer t.locks.read(0)()
	var out []Mount
	for _, ino := range slices.Sorted(maps.Keys(t.mounts)) {
		m := *t.mounts[ino]
		path, _ := t.table.AppendPath(nil, ino)
		m.Path = string(path)
		out = append(out, m)
	}
	return out
}

// ToPersist lists up to limit files that wait for their upload, behind the one of number after (0: from the first).
func (t *Tree) ToPersist(after uint64, limit int) (out []Inode) {
	defer t.locks.read(0)()
	t.table.Waiting(after, func(ino uint64) bool {
		var in Inode
		t.table.Get(ino, &in)
		out = append(out, in)
		return len(out) < limit
	})
	return out
}

// Waiting is how many files wait for their upload.
func (t *Tree) Waiting() int {
	defer t.locks.read(0)()
	return t.table.WaitingLen()
}

// IntentCount is how many intents are under way.
func (t *Tree) IntentCount() int {
	defer t.locks.read(0)()
	return len(t.intents)
}

// MaySet reports why the user of c may not make that change to path.
func (t *Tree) MaySet(path string, c *SetAttr) error {
	defer t.locks.read(uint64(len(path)))()
	ino, err := t.find(path, c.User)
	if err != nil {
		return err
	}
	var n node
	t.table.Peek(ino, &n.Inode)
	return c.check(&n)
}

// Unfinished reports whether commands have left something to Continue.
func (t *Tree) Unfinished() bool {
	defer t.locks.read(0)()
	return t.unfinished()
}

// Expired lists up to limit files and directories whose time to live has ended.
func (t *Tree) Expired(now int64, limit int) []uint64 {
	defer t.locks.read(0)()
	return t.table.Expired(now, limit)
}

// allPage is how many inodes All looks at before it lets changes in.
const allPage = 4096

// All calls f for each inode, without name and version, until f says no. Changes go on meanwhile: what they bring or move
// may not be seen. f is called under no lock.
func (t *Tree) All(f func(*Inode) bool) {
	page := make([]Inode, 0, allPage)
	for from := uint32(inodes.Root); from != 0; {
		page = page[:0]
		unlock := t.locks.read(0)
		from = t.table.Page(from, allPage, func(in *Inode) { page = append(page, *in) })
		unlock()
		for i := range page {
			if !f(&page[i]) {
				return
			}
		}
	}
}

// Intents are all that are under way, the oldest first.
func (t *Tree) Intents() (out []Intent) {
	defer t.locks.read(0)()
	for _, id := range slices.Sorted(maps.Keys(t.intents)) {
		out = append(out, *t.intents[id])
	}
	return out
}

// Intent is the one of that number.
func (t *Tree) Intent(id uint64) (Intent, bool) {
	defer t.locks.read(id)()
	in := t.intents[id]
	if in == nil {
		return Intent{}, false
	}
	return *in, true
}
