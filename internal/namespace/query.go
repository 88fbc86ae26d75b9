package namespace

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

func (t *Tree) Stat(path string, u *User) (Inode, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n, err := t.walk(path, u)
	if err != nil {
		return Inode{}, err
	}
	return n.Inode, nil
}

func (t *Tree) Get(ino uint64) (Inode, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := t.nodes[ino]
	if n == nil {
		return Inode{}, false
	}
	return n.Inode, true
}

func (t *Tree) Path(ino uint64) (string, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := t.nodes[ino]
	if n == nil || n.shadow {
		return "", false
	}
	p := t.pathOf(n)
	return p, p != ""
}

// List returns up to limit entries of dir after a name, in the order of name bytes.
func (t *Tree) List(dir string, u *User, after string, limit int, dst []Inode) ([]Inode, bool, error) {
	t.mu.RLock()
	n, err := t.walk(dir, u)
	if err != nil {
		t.mu.RUnlock()
		return dst, false, err
	}
	if !n.Dir {
		t.mu.RUnlock()
		return dst, false, ErrNotDir
	}
	if !n.may(u, 4) {
		t.mu.RUnlock()
		return dst, false, ErrPermission
	}
	if n.sorted == nil && len(n.kids) > 0 {
		t.mu.RUnlock()
		t.mu.Lock()
		if n.sorted == nil {
			n.sorted = slices.Sorted(maps.Keys(n.kids))
		}
		t.mu.Unlock()
		return t.List(dir, u, after, limit, dst)
	}
	defer t.mu.RUnlock()
	i := 0
	if after != "" {
		var hit bool
		if i, hit = slices.BinarySearch(n.sorted, after); hit {
			i++
		}
	}
	for ; i < len(n.sorted); i++ {
		if limit > 0 && len(dst) >= limit {
			return dst, true, nil
		}
		dst = append(dst, n.kids[n.sorted[i]].Inode)
	}
	return dst, false, nil
}

func (t *Tree) Mounts() []Mount {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var out []Mount
	for _, n := range t.nodes {
		if n.MountPoint {
			m := *n.mount
			m.Path = t.pathOf(n)
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b Mount) int { return int(a.Ino) - int(b.Ino) })
	return out
}

// ToPersist lists files that wait for their upload.
func (t *Tree) ToPersist(after uint64, limit int) []Inode {
	return t.collect(after, limit, func(n *node) bool { return !n.Dir && n.Persist == ToPersist && n.Complete && !n.shadow })
}

// Expired lists files and directories whose time to live has ended.
func (t *Tree) Expired(now int64, limit int) []uint64 {
	var out []uint64
	for _, in := range t.collect(0, limit, func(n *node) bool { return n.TTL > 0 && n.Complete && n.TTLFrom+n.TTL <= now }) {
		out = append(out, in.Ino)
	}
	return out
}

func (t *Tree) collect(after uint64, limit int, want func(*node) bool) []Inode {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var out []Inode
	for _, n := range t.nodes {
		if n.Ino > after && want(n) {
			out = append(out, n.Inode)
		}
	}
	slices.SortFunc(out, func(a, b Inode) int { return int(a.Ino) - int(b.Ino) })
	if len(out) > limit {
		out = out[:limit]
	}
	return out
}

// All calls f for each file.
func (t *Tree) All(f func(*Inode) bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, n := range t.nodes {
		if !f(&n.Inode) {
			return
		}
	}
}

func (a *Answer) append(b []byte) []byte {
	c := &codec{b: b}
	a.code(c)
	return c.b
}

func (a *Answer) code(c *codec) {
	var kind, held uint64
	if !c.dec && a.Err != nil {
		if e, ok := a.Err.(*IntentError); ok {
			kind, held = 255, e.ID
		} else {
			kind = uint64(errCode(a.Err))
		}
	}
	c.uint(&kind)
	c.uint(&held)
	c.uint(&a.Ino)
	c.uint(&a.IntentID)
	c.id(&a.FileID)
	if c.dec {
		switch {
		case kind == 255:
			a.Err = &IntentError{ID: held}
		case kind < uint64(len(coded)):
			a.Err = coded[kind]
		default:
			c.fail()
		}
	}
}

func errCode(err error) int {
	for i, e := range coded {
		if e != nil && errors.Is(err, e) {
			return i
		}
	}
	return 3
}

func DecodeAnswer(b []byte) (Answer, error) {
	var a Answer
	c := &codec{b: b, dec: true}
	a.code(c)
	return a, c.err
}

// Checkpoint is the state at one index.
type Checkpoint struct{ b []byte }

func (t *Tree) Snapshot() *Checkpoint {
	t.mu.RLock()
	defer t.mu.RUnlock()
	c := &codec{b: []byte("MPNS\x01")}
	t.code(c)
	return &Checkpoint{c.b}
}

func (c *Checkpoint) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(c.b)
	return int64(n), err
}
func (c *Checkpoint) Release() {}

func (t *Tree) code(c *codec) {
	c.uint(&t.next)
	c.uint(&t.nextID)
	c.uint(&t.index)
	t.touched.code(c)
	inos := slices.Sorted(maps.Keys(t.nodes))
	n := uint64(len(inos))
	c.uint(&n)
	for i := range n {
		k := &node{}
		if !c.dec {
			k = t.nodes[inos[i]]
		}
		k.code(c)
		if c.err != nil {
			return
		}
		if c.dec {
			t.nodes[k.Ino] = k
		}
	}
	ids := slices.Sorted(maps.Keys(t.intents))
	n = uint64(len(ids))
	c.uint(&n)
	for i := range n {
		in := &Intent{}
		if !c.dec {
			in = t.intents[ids[i]]
		}
		b := Begin{Kind: in.Kind, Path: in.Path, To: in.To, Ino: in.Ino, Recursive: in.Recursive, Overwrite: in.Overwrite, Unchecked: in.Unchecked, Mode: in.Mode, Owner: in.Owner, Group: in.Group, Key: in.Key, Prior: in.Prior, Payload: in.Payload}
		c.uint(&in.ID)
		b.code(c)
		if c.err != nil {
			return
		}
		if c.dec {
			t.intents[in.ID] = &Intent{ID: in.ID, Kind: b.Kind, Path: b.Path, To: b.To, Ino: b.Ino, Key: b.Key, Prior: b.Prior, Recursive: b.Recursive, Overwrite: b.Overwrite, Unchecked: b.Unchecked, Mode: b.Mode, Owner: b.Owner, Group: b.Group, Payload: b.Payload}
		}
	}
}

func (n *node) code(c *codec) {
	c.uint(&n.Ino)
	c.uint(&n.Parent)
	c.str(&n.Name)
	c.bool(&n.Dir)
	c.bool(&n.MountPoint)
	c.id(&n.FileID)
	c.int(&n.Size)
	c.int(&n.BlockSize)
	c.mode(&n.Mode)
	c.str(&n.Owner)
	c.str(&n.Group)
	c.int(&n.ModTime)
	c.int(&n.ChangeTime)
	c.int(&n.SyncedAt)
	c.bool(&n.ChildrenLoaded)
	c.bool(&n.Complete)
	c.id(&n.Lease)
	c.byte((*uint8)(&n.Persist))
	c.str(&n.Version)
	c.bool(&n.Pinned)
	c.int(&n.TTL)
	c.byte((*uint8)(&n.TTLAction))
	c.int(&n.TTLFrom)
	c.num(&n.ReplicasMin)
	c.num(&n.ReplicasMax)
	c.strs(&n.Homes)
	opt(c, &n.ACL, c.acl)
	opt(c, &n.DefaultACL, c.acl)
	c.table(&n.Xattr)
	c.uint(&n.Intent)
	c.bool(&n.shadow)
	if n.MountPoint {
		if n.mount == nil {
			n.mount = new(Mount)
		}
		n.mount.Ino = n.Ino
		n.mount.code(c)
	}
}

func (t *Tree) Restore(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if len(b) < 5 || string(b[:5]) != "MPNS\x01" {
		return fmt.Errorf("namespace checkpoint: unknown format %q", b[:min(len(b), 5)])
	}
	s := New()
	s.nodes = map[uint64]*node{}
	c := &codec{b: b[5:], dec: true}
	s.code(c)
	if c.err != nil {
		return fmt.Errorf("namespace checkpoint: %w", c.err)
	}
	if s.nodes[1] == nil || !s.nodes[1].Dir {
		return errors.New("namespace checkpoint: no root directory")
	}
	for _, n := range s.nodes {
		if n.Dir && n.kids == nil {
			n.kids = map[string]*node{}
		}
		if n.Ino == 1 || n.shadow {
			continue
		}
		p := s.nodes[n.Parent]
		if p == nil || !p.Dir {
			return fmt.Errorf("namespace checkpoint: inode %d has no parent directory", n.Ino)
		}
		if p.kids == nil {
			p.kids = map[string]*node{}
		}
		p.kids[n.Name] = n
	}
	reached := 0
	below(s.nodes[1], func(*node) bool { reached++; return reached <= len(s.nodes) })
	for _, n := range s.nodes {
		if n.shadow {
			reached++
		}
	}
	if reached != len(s.nodes) {
		return fmt.Errorf("namespace checkpoint: %d of %d inodes are below the root", reached, len(s.nodes))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.root, t.nodes, t.intents, t.next, t.nextID, t.index, t.touched = s.nodes[1], s.nodes, s.intents, s.next, s.nextID, s.index, s.touched
	return nil
}
