package namespace

import (
	"maps"
	"slices"
	"strings"
)

func (x *SetAttr) apply(t *Tree, a *applied) {
	n, err := t.walk(x.Path, x.User)
	if err == nil {
		err = t.heldAbove(n)
	}
	if err == nil && n.Intent != 0 {
		err = &IntentError{ID: n.Intent}
	}
	if err == nil {
		err = x.check(n)
	}
	if err != nil {
		a.fail(err)
		return
	}
	x.set(t, n, a)
}

func (x *SetAttr) check(n *node) error {
	switch {
	case (x.Mode != nil || x.ACL != nil || x.DefaultACL != nil) && !n.owns(x.User):
		return ErrPermission
	case (x.Owner != nil || x.Group != nil) && x.User != nil && !x.User.Superuser:
		return ErrPermission
	case !n.owns(x.User) && !n.may(x.User, 2):
		return ErrPermission
	case x.DefaultACL != nil && !n.Dir && !x.Recursive:
		return ErrInvalid
	}
	return nil
}

func (x *SetAttr) set(t *Tree, n *node, a *applied) {
	todo := []*node{n}
	if x.Recursive {
		todo = todo[:0]
		below(n, func(k *node) bool { todo = append(todo, k); return true })
		slices.SortFunc(todo, func(a, b *node) int { return int(a.Ino) - int(b.Ino) })
	}
	for _, k := range todo {
		x.one(k, a)
	}
	a.answer.Ino = n.Ino
}

func put[T any](dst *T, v *T) {
	if v != nil {
		*dst = *v
	}
}

func (x *SetAttr) one(n *node, a *applied) {
	n.ChangeTime = a.now
	if x.Pin != nil && *x.Pin != n.Pinned {
		n.Pinned = *x.Pin
		if k := Pinned; !n.Dir {
			if !n.Pinned {
				k = Unpinned
			}
			a.effect(k, n)
		}
	}
	if x.TTL != nil {
		n.TTL, n.TTLFrom = *x.TTL, a.now
	}
	put(&n.TTLAction, x.TTLAction)
	put(&n.ReplicasMin, x.ReplicasMin)
	put(&n.ReplicasMax, x.ReplicasMax)
	put(&n.Mode, x.Mode)
	put(&n.Owner, x.Owner)
	put(&n.Group, x.Group)
	put(&n.ModTime, x.ModTime)
	if x.ACL != nil {
		if n.ACL = x.ACL; len(x.ACL.Entries) == 0 {
			n.ACL = nil
		}
	}
	if x.DefaultACL != nil && n.Dir {
		if n.DefaultACL = x.DefaultACL; len(x.DefaultACL.Entries) == 0 {
			n.DefaultACL = nil
		}
	}
	if len(x.Xattr)+len(x.RemoveXattr) > 0 {
		m := maps.Clone(n.Xattr)
		if m == nil {
			m = map[string][]byte{}
		}
		maps.Copy(m, x.Xattr)
		for _, k := range x.RemoveXattr {
			delete(m, k)
		}
		n.Xattr = m
	}
}

func inside(a, b string) bool {
	a, b = strings.TrimSuffix(a, "/"), strings.TrimSuffix(b, "/")
	return a == b || strings.HasPrefix(b, a+"/")
}

func (x *Mount) apply(t *Tree, a *applied) {
	for _, n := range t.nodes {
		if n.MountPoint && (inside(n.mount.Place, x.Place) || inside(x.Place, n.mount.Place)) {
			a.fail(ErrInvalid)
			return
		}
	}
	if x.Path == "/" {
		a.fail(ErrExist)
		return
	}
	d, name, err := t.parentFor(x.Path, x.User, true, "", "", a.now)
	if err == nil && d.kids[name] != nil {
		err = ErrExist
	}
	if err != nil {
		a.fail(err)
		return
	}
	if t.touched.last == nil {
		t.touched.last = make([]uint64, touchedSlots)
	}
	n, _ := t.makeDir(d, name, 0, "", "", x.User, a.now)
	m := *x
	m.User, m.Ino = nil, n.Ino
	n.MountPoint, n.mount, n.ChildrenLoaded, n.Persist = true, &m, false, Persisted
	a.answer.Ino = n.Ino
}

func (x *Unmount) apply(t *Tree, a *applied) {
	n, err := t.walk(x.Path, x.User)
	if err != nil {
		a.fail(err)
		return
	}
	if !n.MountPoint {
		a.fail(ErrInvalid)
		return
	}
	busy, dirty, nested := false, false, false
	below(n, func(k *node) bool {
		nested = nested || k != n && k.MountPoint
		busy = busy || !k.Dir && !k.Complete
		dirty = dirty || !k.Dir && k.Complete && k.Persist != Persisted
		return true
	})
	for _, k := range t.nodes {
		busy = busy || k.shadow && t.mountOf(k) == n
	}
	switch {
	case nested:
		a.fail(ErrInvalid)
	case busy && !x.Force:
		a.fail(ErrBusy)
	case dirty && !x.Force:
		a.fail(ErrNotPersisted)
	default:
		for _, ino := range slices.Sorted(maps.Keys(t.nodes)) {
			if k := t.nodes[ino]; k.shadow && t.mountOf(k) == n {
				t.drop(k, a)
			}
		}
		t.drop(n, a)
	}
}

func (x *Discover) apply(t *Tree, a *applied) {
	m, err := t.walk(x.Mount, nil)
	if err != nil || !m.MountPoint {
		return
	}
	for i := range x.Entries {
		t.found(m, x, &x.Entries[i], a)
	}
	for _, dir := range x.Listed {
		t.listed(m, dir, x, a)
	}
}

func (t *Tree) found(m *node, x *Discover, f *Found, a *applied) {
	if f.Path == "" {
		m.SyncedAt = max(m.SyncedAt, x.SyncedAt)
		return
	}
	if t.touched.since(t.pathOf(m)+"/"+f.Path, f.Since) {
		return // it was seen before it was changed here
	}
	d := m
	dir, name := split("/" + f.Path)
	if dir != "/" {
		for part := range strings.SplitSeq(dir[1:], "/") {
			k := d.kids[part]
			if k == nil {
				if t.heldAbove(d) != nil {
					return
				}
				k, _ = t.makeDir(d, part, 0, f.Owner, "", nil, a.now)
				k.ChildrenLoaded, k.Persist, k.SyncedAt = false, Persisted, x.SyncedAt
			}
			if !k.Dir {
				return
			}
			d = k
		}
	}
	n := d.kids[name]
	if n != nil && f.IfIno != 0 && n.Ino != f.IfIno || n == nil && f.IfIno != 0 {
		return
	}
	if t.heldAbove(d) != nil || t.freeName(t.pathOf(m)+"/"+f.Path) != nil {
		return
	}
	if n != nil {
		if n.Intent != 0 || n.MountPoint || !n.Dir && (!n.Complete || n.Persist != Persisted) || n.SyncedAt > x.SyncedAt {
			return
		}
		if n.Dir == f.Dir && (n.Dir || n.Version == f.Version) {
			n.SyncedAt = x.SyncedAt
			if n.Dir && n.Persist != Persisted {
				n.Persist = Persisted
			}
			return
		}
		if n.Dir {
			keep := false
			below(n, func(k *node) bool { keep = keep || !k.Dir && k.Persist != Persisted || k.Intent != 0; return !keep })
			if keep {
				return
			}
		}
		pinned := n.Pinned
		t.drop(n, a)
		defer func() {
			if k := d.kids[name]; k != nil {
				k.Pinned = k.Pinned || pinned
			}
		}()
	}
	if f.Dir {
		k, _ := t.makeDir(d, name, 0, f.Owner, f.Group, nil, a.now)
		k.Mode, k.ModTime, k.SyncedAt, k.Persist, k.ChildrenLoaded = f.Mode.Perm(), f.ModTime, x.SyncedAt, Persisted, false
		return
	}
	mod := d.ModTime
	k := t.newNode(a.now)
	k.Complete, k.FileID, k.Size, k.BlockSize, k.Mode, k.Owner, k.Group = true, f.FileID, f.Size, f.BlockSize, f.Mode.Perm(), f.Owner, f.Group
	k.ModTime, k.Version, k.Persist, k.SyncedAt = f.ModTime, f.Version, Persisted, x.SyncedAt
	k.inherit(d)
	t.link(d, name, k, a.now)
	d.ModTime = mod
}

func (t *Tree) listed(m *node, dir string, x *Discover, a *applied) {
	d, at := m, x.SyncedAt
	if dir != "" {
		for part := range strings.SplitSeq(dir, "/") {
			if d = d.kids[part]; d == nil || !d.Dir {
				return
			}
		}
	}
	path := t.pathOf(d)
	if t.touched.since(listingOf(path), x.Since) {
		return // what went out of the namespace meanwhile was not listed
	}
	for _, name := range slices.Sorted(maps.Keys(d.kids)) {
		k := d.kids[name]
		if t.touched.since(join(path, name), x.Since) || k.Persist != Persisted || k.SyncedAt >= at || k.MountPoint || t.heldBelow(k) != nil {
			continue
		}
		keep := false
		below(k, func(q *node) bool {
			keep = keep || !q.Dir && (q.Persist != Persisted || !q.Complete) || q.MountPoint
			return !keep
		})
		if !keep {
			t.drop(k, a)
		}
	}
	d.ChildrenLoaded = true
	d.SyncedAt = max(d.SyncedAt, at)
}

func (x *Forget) apply(t *Tree, a *applied) {
	n, err := t.walk(x.Path, nil)
	if err != nil || n.MountPoint || n == t.root || n.FileID != x.IfFileID || t.touched.since(x.Path, x.Since) || t.heldBelow(n) != nil {
		return
	}
	keep := false
	below(n, func(q *node) bool {
		keep = keep || !q.Dir && (q.Persist != Persisted || !q.Complete) || q.MountPoint
		return !keep
	})
	if !keep {
		t.drop(n, a)
	}
}

func (x *MarkPersist) apply(t *Tree, a *applied) {
	n := t.nodes[x.Ino]
	switch {
	case n == nil || n.Dir:
		a.fail(ErrNotExist)
	case !n.Complete:
		a.fail(ErrIncomplete)
	case n.Persist == NotPersisted || n.Persist == Lost:
		n.Persist = ToPersist
		a.effect(ToPersistEffect, n)
	}
}

func (x *PersistedFile) apply(t *Tree, a *applied) {
	if n := t.nodes[x.Ino]; n != nil && n.FileID == x.FileID {
		n.Persist, n.Version, n.SyncedAt = Persisted, x.Version, a.now
	}
}

func (x *MarkLost) apply(t *Tree, a *applied) {
	n := t.nodes[x.Ino]
	if n == nil || n.FileID != x.FileID || n.Persist == Persisted {
		return
	}
	if x.Found {
		if n.Persist == Lost {
			n.Persist = NotPersisted
		}
		return
	}
	n.Persist = Lost
}
