package namespace

import (
	"maps"
	"slices"
	"strings"

	"github.com/millpond/millpond/internal/inodes"
	"github.com/millpond/millpond/ufs/driver"
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
	a.answer.Ino = n.Ino
	x.one(n, a)
}

func (x *SetAttr) check(n *node) error {
	switch {
	case (x.Mode != nil || x.ACL != nil || x.DefaultACL != nil || x.ModTime != nil) && !n.owns(x.User):
		return ErrPermission
	case x.Owner != nil && x.User != nil && !x.User.Superuser:
		return ErrPermission
	case x.Group != nil && x.User != nil && !x.User.Superuser && !(n.owns(x.User) && slices.Contains(x.User.Groups, *x.Group)):
		return ErrPermission
	case !sound(x.ACL) || !sound(x.DefaultACL):
		return ErrInvalid
	case !n.owns(x.User) && !n.may(x.User, 2):
		return ErrPermission
	case x.DefaultACL != nil && !n.Dir && !x.Recursive:
		return ErrInvalid
	}
	return nil
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
	if x.Mode != nil && x.ACL != nil {
		n.ACL = nil // the owning group's bits are the new mode's
	}
	if x.Mode != nil {
		n.chmod(*x.Mode)
	}
	put(&n.Owner, x.Owner)
	put(&n.Group, x.Group)
	put(&n.ModTime, x.ModTime)
	if x.ACL != nil {
		n.setACL(x.ACL)
	}
	if x.DefaultACL != nil && n.Dir {
		n.DefaultACL = whole(x.DefaultACL, owningBits(&n.Inode))
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
	for _, m := range t.mounts {
		if driver.Overlap(m.Place, x.Place) {
			a.fail(ErrInvalid)
			return
		}
	}
	if x.Path == "/" {
		a.fail(ErrExist)
		return
	}
	d, name, err := t.parentFor(x.Path, x.User, true, "", "", a.now)
	if err == nil && t.kid(d, name) != nil {
		err = ErrExist
	}
	if err != nil {
		a.fail(err)
		return
	}
	if t.touched.last == nil {
		t.touched.last = make([]uint64, touchedSlots)
	}
	n := t.makeDir(d, name, 0, "", "", a.now)
	m := *x
	m.User, m.Ino = nil, n.Ino
	t.mounts[n.Ino] = &m
	t.remount++
	n.MountPoint, n.ChildrenLoaded, n.Persist = true, false, Persisted
	a.answer.Ino = n.Ino
}

func (x *Remount) apply(t *Tree, a *applied) {
	n, err := t.walk(x.Path, x.User)
	switch {
	case err != nil:
		a.fail(err)
		return
	case !n.MountPoint:
		a.fail(ErrInvalid)
		return
	}
	m := *t.mounts[n.Ino] // a copy: a checkpoint may be reading the old one
	m.Spec, m.ReadOnly = x.Spec, x.ReadOnly
	t.mounts[n.Ino] = &m
	t.remount++
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
	if p := t.node(n.Parent); !MayUnlink(&p.Inode, &n.Inode, x.User) {
		a.fail(ErrPermission)
		return
	}
	var shadows []uint64
	busy := false
	t.table.Leased(func(ino uint64) {
		if !t.table.Above(n.Ino, ino) {
			return
		}
		if busy = true; !t.table.Linked(ino) {
			shadows = append(shadows, ino)
		}
	})
	switch {
	case t.mountBelow(n):
		a.fail(ErrInvalid)
	case busy && !x.Force:
		a.fail(ErrBusy)
	case !x.Force && t.unsaved(n):
		a.fail(ErrNotPersisted)
	default:
		for _, ino := range shadows {
			t.drop(t.node(ino), a)
		}
		t.drop(n, a)
		t.remount++
	}
}

func (x *Discover) apply(t *Tree, a *applied) {
	m, err := t.walk(x.Mount, nil)
	if err != nil || !m.MountPoint {
		return
	}
	ino := m.Ino
	for i := range x.Entries {
		t.found(t.node(ino), x, &x.Entries[i], a)
		t.settle()
	}
	for _, dir := range x.Listed {
		t.listed(t.node(ino), dir, x, a)
		t.settle()
	}
}

func (t *Tree) found(m *node, x *Discover, f *Found, a *applied) {
	if f.Path == "" {
		m.SyncedAt = max(m.SyncedAt, x.SyncedAt)
		return
	}
	path := join(t.pathOf(m), f.Path)
	if CheckPath(path) != nil || t.table.Full() { // a store may have names that no path can have
		return
	}
	if t.touched.since(path, f.Since) {
		return // it was seen before it was changed here
	}
	d := m
	dir, name := split("/" + f.Path)
	if dir != "/" {
		for part := range strings.SplitSeq(dir[1:], "/") {
			k := t.kid(d, part)
			if k == nil {
				if t.heldAbove(d) != nil {
					return
				}
				k = t.makeDir(d, part, 0, f.Owner, "", a.now)
				k.ChildrenLoaded, k.Persist, k.SyncedAt = false, Persisted, x.SyncedAt
			}
			if !k.Dir {
				return
			}
			d = k
		}
	}
	n := t.kid(d, name)
	if n != nil && f.IfIno != 0 && n.Ino != f.IfIno || n == nil && f.IfIno != 0 {
		return
	}
	if t.heldAbove(d) != nil || t.freeName(path) != nil {
		return
	}
	if n != nil {
		if n.Intent != 0 || n.MountPoint || !n.Dir && (!n.Complete || n.Persist != Persisted) || n.SyncedAt > x.SyncedAt {
			return
		}
		if n.Dir == f.Dir && (n.Dir || n.Version.Is(f.Version) || n.FileID == f.FileID) {
			n.SyncedAt = x.SyncedAt
			if !n.Dir && !n.Version.Is(f.Version) { // the same bytes by another name
				n.Version = inodes.VersionOf(f.Version)
			}
			if n.Dir && n.Persist != Persisted {
				n.Persist = Persisted
			}
			return
		}
		if n.Dir && (t.heldBelow(n) != nil || t.mountBelow(n) || t.unsaved(n)) {
			return
		}
		pinned := n.Pinned
		t.drop(n, a)
		defer func() {
			if k := t.kid(d, name); k != nil {
				k.Pinned = k.Pinned || pinned
			}
		}()
	}
	if f.Dir {
		k := t.makeDir(d, name, f.Mode.Perm(), f.Owner, f.Group, a.now)
		k.ModTime, k.SyncedAt, k.Persist, k.ChildrenLoaded = f.ModTime, x.SyncedAt, Persisted, false
		return
	}
	mod := d.ModTime
	k := t.newNode(a.now)
	k.Complete, k.FileID, k.Size, k.BlockSize, k.Mode, k.Owner, k.Group = true, f.FileID, f.Size, f.BlockSize, f.Mode.Perm(), f.Owner, f.Group
	k.ModTime, k.Version, k.Persist, k.SyncedAt = f.ModTime, inodes.VersionOf(f.Version), Persisted, x.SyncedAt
	k.inherit(d)
	t.link(d, name, k, a.now)
	d.ModTime = mod
}

func (t *Tree) listed(m *node, dir string, x *Discover, a *applied) {
	d, at := m, x.SyncedAt
	if dir != "" {
		for part := range strings.SplitSeq(dir, "/") {
			if d = t.kid(d, part); d == nil || !d.Dir {
				return
			}
		}
	}
	path := t.pathOf(d)
	if t.touched.since(listingOf(path), x.Since) {
		return // what went out of the namespace meanwhile was not listed
	}
	d.ChildrenLoaded = true
	d.SyncedAt = max(d.SyncedAt, at)
	t.sweep(sweep{dir: d.Ino, at: at, since: x.Since}, a)
}

func (x *Forget) apply(t *Tree, a *applied) {
	n, err := t.walk(x.Path, nil)
	if err != nil || n.MountPoint || n.isRoot() || n.FileID != x.IfFileID || t.touched.since(x.Path, x.Since) || t.heldBelow(n) != nil {
		return
	}
	if !t.mountBelow(n) && !t.unsaved(n) {
		t.drop(n, a)
	}
}

func (x *MarkPersist) apply(t *Tree, a *applied) {
	n := t.byNumber(x.Ino)
	switch {
	case n == nil || n.Dir:
		a.fail(ErrNotExist)
	case !n.Complete:
		a.fail(ErrIncomplete)
	case n.Persist == NotPersisted || n.Persist == Lost:
		n.Persist, n.Owed = ToPersist, false
		a.effect(ToPersistEffect, n)
	}
}

func (x *PersistedFile) apply(t *Tree, a *applied) {
	if n := t.byNumber(x.Ino); n != nil && n.FileID == x.FileID {
		n.Persist, n.Version, n.SyncedAt = Persisted, inodes.VersionOf(x.Version), a.now
	}
}

func (x *MarkLost) apply(t *Tree, a *applied) {
	n := t.byNumber(x.Ino)
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
