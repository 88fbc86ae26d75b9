package namespace

import "github.com/millpond/millpond/internal/inodes"

// sweep takes out of a directory what a listing of the store did not have. A large one takes several commands.
type sweep struct {
	dir   uint64
	at    int64  // when the listing began
	since uint64 // index that was applied then
	after string // the last name that was looked at
}

func (s *sweep) code(c *codec) {
	c.uint(&s.dir)
	c.int(&s.at)
	c.uint(&s.since)
	c.str(&s.after)
}

// Continue goes on with what other commands have left: answers say so with More.
type Continue struct{}

func (x *Continue) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *Continue) op() byte               { return 19 }
func (x *Continue) code(*codec)            {}

func (x *Continue) apply(t *Tree, a *applied) {
	for len(t.sweeps) > 0 && a.left > 0 {
		s := t.sweeps[0]
		t.sweeps = t.sweeps[1:]
		t.sweep(s, a)
	}
	t.forget(a)
}

// sweep goes through a directory as far as the command may, and notes where to go on.
func (t *Tree) sweep(s sweep, a *applied) {
	d := t.byNumber(s.dir)
	if d == nil {
		return
	}
	path := t.pathOf(d)
	list, more := t.table.List(s.dir, s.after, max(a.left, 1), nil)
	for i := range list {
		if a.left <= 0 {
			more = true
			break
		}
		s.after = list[i].Name
		before := t.table.Work()
		gone := t.unlisted(t.node(list[i].Ino), join(path, list[i].Name), &s)
		a.left -= 1 + t.table.Work() - before
		if gone {
			t.drop(t.node(list[i].Ino), a)
		}
		t.settle()
	}
	if more {
		t.sweeps = append(t.sweeps, s)
	}
}

// unlisted reports whether what lies at path is gone from its store, and nothing here keeps it.
func (t *Tree) unlisted(k *node, path string, s *sweep) bool {
	return k.Persist == Persisted && k.SyncedAt < s.at && !k.MountPoint && !t.touched.since(path, s.since) &&
		t.heldBelow(k) == nil && !t.mountBelow(k) && !t.unsaved(k)
}

// unsaved reports whether n, or something below it, is being written or is not in its under store. A large tree is not
// walked: what is not saved anywhere is asked for its directory instead, once for neighbours that share one. Where that
// is a million files, and they alternate, it is what a command may take longest for.
func (t *Tree) unsaved(n *node) (found bool) {
	few := t.step
	whole := t.table.Below(n.Ino, func(k *Inode) bool {
		few--
		found = !k.Dir && (k.Persist != Persisted || !k.Complete)
		return !found && few > 0
	})
	if found || whole {
		return found
	}
	last := uint64(0)
	t.table.Unsaved(0, func(ino uint64) bool {
		if dir := t.table.Parent(ino); dir != last {
			last, found = dir, t.table.Above(n.Ino, dir)
		}
		return !found
	})
	return found
}

// SetAttrBelow is SetAttr for what lies below a directory, some at a time; the answer says where to go on. What the
// user may not change stays as it is, and the answer has ErrPermission.
type SetAttrBelow struct {
	SetAttr
	After  string // path from the directory that the last one went to
	Intent uint64 // that holds the directory, if one does
}

func (x *SetAttrBelow) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *SetAttrBelow) op() byte               { return 20 }
func (x *SetAttrBelow) code(c *codec) {
	x.SetAttr.code(c)
	c.str(&x.After)
	c.uint(&x.Intent)
}

func (x *SetAttrBelow) apply(t *Tree, a *applied) {
	d, err := t.walk(x.Path, x.User)
	switch {
	case err == nil && !d.Dir:
		err = ErrNotDir
	case err == nil && d.Intent != 0 && d.Intent != x.Intent:
		err = &IntentError{ID: d.Intent}
	case err == nil:
		err = t.heldAbove(d)
	}
	if err == nil && !d.may(x.User, 5) {
		err = ErrPermission
	}
	if err != nil {
		a.fail(err)
		return
	}
	a.answer.Ino = d.Ino
	last := ""
	t.table.BelowAfter(d.Ino, x.After, func(ino uint64, path string) inodes.Walk {
		if a.left <= 0 {
			a.answer.Next = last
			return inodes.Stop
		}
		a.left--
		last = path
		return x.step(t, ino, a)
	})
}

// step changes one inode, if the user may.
func (x *SetAttrBelow) step(t *Tree, ino uint64, a *applied) inodes.Walk {
	defer t.settle()
	n := t.node(ino)
	way := inodes.On
	if n.Dir && !n.may(x.User, 5) {
		way = inodes.Skip
	}
	if x.check(n) == nil {
		x.one(n, a)
		a.partly = true
	} else {
		a.fail(ErrPermission)
	}
	if way == inodes.Skip {
		a.fail(ErrPermission)
	}
	return way
}
