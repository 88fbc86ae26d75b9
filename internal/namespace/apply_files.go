package namespace

import (
	"cmp"
	"io/fs"
	"slices"

	"github.com/millpond/millpond/internal/inodes"
)

// parentFor finds the directory that a new name goes into, makes missing ones if asked, and checks everything that
// stands in the way.
func (t *Tree) parentFor(path string, u *User, parents bool, owner, group string, now int64) (*node, string, error) {
	if err := CheckPath(path); err != nil {
		return nil, "", err
	}
	dir, name := split(path)
	d, err := t.walk(dir, u)
	if err == ErrNotExist && parents {
		g, gname, gerr := t.parentFor(dir, u, true, owner, group, now)
		if gerr != nil {
			return nil, "", gerr
		}
		if d = t.kid(g, gname); d == nil {
			d = t.makeDir(g, gname, 0, owner, group, now)
		}
		err = nil
	}
	switch {
	case err != nil:
		return nil, "", err
	case !d.Dir:
		return nil, "", ErrNotDir
	case t.readOnly(d):
		return nil, "", ErrReadOnly
	case !d.may(u, 3):
		return nil, "", ErrPermission
	case t.table.Full():
		return nil, "", ErrFull
	}
	if err := t.heldAbove(d); err != nil {
		return nil, "", err
	}
	return d, name, t.freeName(path)
}

// heldAbove reports an intent on a subtree that d lies in.
func (t *Tree) heldAbove(d *node) error {
	if len(t.intents) == 0 {
		return nil
	}
	for k := d; k != nil && !k.isRoot(); k = t.node(k.Parent) {
		if in := t.intents[k.Intent]; in != nil && (in.Kind == IntentRemove || in.Kind == IntentRename) {
			return &IntentError{ID: k.Intent}
		}
	}
	return nil
}

// makeDir makes a directory; mode 0 is 0755.
func (t *Tree) makeDir(d *node, name string, mode fs.FileMode, owner, group string, now int64) *node {
	n := t.newNode(now)
	n.Dir, n.Complete = true, true
	n.Mode, n.Owner, n.Group = cmp.Or(mode&modeBits, 0o755), owner, group
	n.ChildrenLoaded = t.mountOf(d) == nil
	n.inherit(d)
	t.link(d, name, n, now)
	return n
}

func (n *node) inherit(d *node) {
	n.Pinned = n.Pinned || d.Pinned
	if n.TTLAction == TTLFree {
		n.TTLAction = d.TTLAction
	}
	n.inheritACL(d)
}

func (x *CreateFile) apply(t *Tree, a *applied) {
	if x.Path == "/" {
		a.fail(ErrExist)
		return
	}
	d, name, err := t.parentFor(x.Path, x.User, x.Parents, x.Owner, x.Group, a.now)
	if err != nil {
		a.fail(err)
		return
	}
	old := t.kid(d, name)
	if old != nil {
		switch {
		case old.Dir:
			a.fail(ErrExist)
			return
		case !x.Overwrite && !x.Extend:
			a.fail(ErrExist)
			return
		case !old.may(x.User, 2):
			a.fail(ErrPermission)
			return
		case x.Extend && !old.Complete:
			a.fail(ErrIncomplete)
			return
		}
	}
	n := t.newNode(a.now)
	n.FileID, n.BlockSize, n.Mode, n.Owner, n.Group, n.Lease = x.FileID, x.BlockSize, x.Mode, x.Owner, x.Group, x.Lease
	if n.Mode &= modeBits; n.Mode == 0 {
		n.Mode = 0o644
	}
	n.Pinned, n.TTL, n.TTLAction, n.TTLFrom, n.ReplicasMin, n.ReplicasMax = x.Pin, x.TTL, x.TTLAction, a.now, x.ReplicasMin, x.ReplicasMax
	n.inherit(d)
	if old != nil {
		n.Shadow, n.Parent, n.Name = true, d.Ino, name
		n.Pinned = n.Pinned || old.Pinned
	} else {
		t.link(d, name, n, a.now)
	}
	a.answer.Ino = n.Ino
}

func (x *CompleteFile) apply(t *Tree, a *applied) {
	n := t.byNumber(x.Ino)
	if n == nil || n.Complete || n.Lease != x.Lease {
		a.fail(ErrLeaseLost)
		return
	}
	if err := t.held(n); err != nil {
		a.fail(err)
		return
	}
	if x.Persist != Persisted {
		homes := t.staying(x.Homes)
		if len(homes) == 0 && len(x.Homes) > 0 { // its bytes would end with its writer
			a.fail(ErrLeaseLost)
			return
		}
		x.Homes = homes
	}
	t.complete(n, x, a)
}

func (t *Tree) complete(n *node, x *CompleteFile, a *applied) {
	if n.Shadow {
		d := t.byNumber(n.Parent)
		if d == nil {
			a.fail(ErrLeaseLost)
			t.drop(n, &applied{}) // nothing of it was visible
			return
		}
		if old := t.kid(d, n.Name); old != nil {
			if old.Dir {
				a.fail(ErrIsDir)
				return
			}
			if err := t.held(old); err != nil && old.Intent != n.Intent {
				a.fail(err)
				return
			}
			t.drop(old, a)
		}
		n.Shadow = false
		t.link(d, n.Name, n, a.now)
	}
	n.Complete, n.FileID, n.Size, n.ModTime, n.ChangeTime = true, x.FileID, x.Size, x.ModTime, a.now
	n.Homes, n.Persist, n.Version, n.Lease = slices.Clone(x.Homes), x.Persist, inodes.VersionOf(x.Version), [16]byte{}
	n.SyncedAt = a.now
	if n.Persist != Persisted && len(n.Homes) > 0 { // one that took copies may have lost them since, in a restart
		a.effect(Rehomed, n)
	}
	if n.Persist == ToPersist {
		a.effect(ToPersistEffect, n)
	}
	if n.Pinned {
		a.effect(Pinned, n)
	}
	a.answer.Ino = n.Ino
}

func (x *AbandonFile) apply(t *Tree, a *applied) {
	n := t.node(x.Ino)
	if n == nil || n.Complete || n.Lease != x.Lease || !n.Shadow && !t.table.Attached(n.Ino) {
		return
	}
	if err := t.held(n); err != nil {
		a.fail(err)
		return
	}
	t.drop(n, a)
}

func (x *Mkdir) apply(t *Tree, a *applied) {
	if x.Path == "/" {
		if !x.Parents {
			a.fail(ErrExist)
		}
		return
	}
	d, name, err := t.parentFor(x.Path, x.User, x.Parents, x.Owner, x.Group, a.now)
	if err == nil || err == ErrReadOnly || err == ErrPermission {
		if n, e := t.walk(x.Path, nil); e == nil {
			if !n.Dir || !x.Parents {
				a.fail(ErrExist)
			}
			a.answer.Ino = n.Ino
			return
		}
	}
	if err != nil {
		a.fail(err)
		return
	}
	a.answer.Ino = t.makeDir(d, name, x.Mode, x.Owner, x.Group, a.now).Ino
}

func (t *Tree) checkRename(from, to string, u *User, overwrite bool) (*node, *node, string, error) {
	n, err := t.walk(from, u)
	if err != nil {
		return nil, nil, "", err
	}
	if err := CheckPath(to); err != nil {
		return nil, nil, "", err
	}
	if n.isRoot() || n.MountPoint || to == "/" {
		return nil, nil, "", ErrInvalid
	}
	if from == to {
		return n, nil, "", nil
	}
	if len(to) > len(from) && to[:len(from)+1] == from+"/" {
		return nil, nil, "", ErrInvalid
	}
	d, name, err := t.parentFor(to, u, false, "", "", 0)
	if err != nil {
		return nil, nil, "", err
	}
	old := t.kid(d, name)
	switch {
	case old != nil && old.MountPoint:
		return nil, nil, "", ErrInvalid
	case t.mountOf(n) != t.mountOf(d):
		return nil, nil, "", ErrCrossMount
	case old != nil && !overwrite:
		return nil, nil, "", ErrExist
	case old != nil && old.Dir:
		return nil, nil, "", ErrExist
	case old != nil && n.Dir:
		return nil, nil, "", ErrNotDir
	}
	p := t.node(n.Parent)
	if t.readOnly(n) {
		return nil, nil, "", ErrReadOnly
	}
	if !MayUnlink(&p.Inode, &n.Inode, u) || old != nil && sticky(&d.Inode, &old.Inode, u) {
		return nil, nil, "", ErrPermission
	}
	if t.mountBelow(n) {
		return nil, nil, "", ErrInvalid
	}
	if t.mountOf(d) != nil && t.written(n) {
		return nil, nil, "", ErrBusy
	}
	if err := t.heldBelow(n); err != nil {
		return nil, nil, "", err
	}
	if old != nil {
		if err := t.held(old); err != nil {
			return nil, nil, "", err
		}
	}
	return n, d, name, nil
}

// written reports whether n, or something below it, is being written: an upload goes to the key that
// it began with.
func (t *Tree) written(n *node) (found bool) {
	t.table.Leased(func(ino uint64) { found = found || t.table.Above(n.Ino, ino) })
	return found
}

func (t *Tree) move(n, d *node, name string, a *applied) {
	if old := t.kid(d, name); old != nil && old != n {
		t.drop(old, a)
	}
	t.unlink(n, a.now)
	n.ChangeTime = a.now
	t.link(d, name, n, a.now)
}

func (x *Rename) apply(t *Tree, a *applied) {
	n, d, name, err := t.checkRename(x.From, x.To, x.User, x.Overwrite)
	if err != nil {
		a.fail(err)
		return
	}
	if d != nil {
		t.move(n, d, name, a)
	}
	a.answer.Ino = n.Ino
}

func (t *Tree) checkRemove(path string, u *User, recursive bool) (*node, error) {
	n, err := t.walk(path, u)
	if err != nil {
		return nil, err
	}
	if n.isRoot() || n.MountPoint {
		return nil, ErrInvalid
	}
	if t.readOnly(n) {
		return nil, ErrReadOnly
	}
	if p := t.node(n.Parent); !MayUnlink(&p.Inode, &n.Inode, u) {
		return nil, ErrPermission
	}
	if t.count(n) > 0 && !recursive {
		return nil, ErrNotEmpty
	}
	if t.mountBelow(n) {
		return nil, ErrInvalid
	}
	return n, t.heldBelow(n)
}

func (x *Remove) apply(t *Tree, a *applied) {
	n, err := t.checkRemove(x.Path, x.User, x.Recursive)
	if err != nil {
		a.fail(err)
		return
	}
	p := t.node(n.Parent)
	if x.CacheOnly {
		p.ChildrenLoaded = false
	}
	t.drop(n, a)
	p.ModTime = a.now
}
