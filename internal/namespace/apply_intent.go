package namespace

import (
	"strings"

	"github.com/millpond/millpond/internal/inodes"
)

func (x *Begin) apply(t *Tree, a *applied) {
	var marks []*node
	switch x.Kind {
	case IntentRemove:
		n, err := t.checkRemove(x.Path, x.User, x.Recursive)
		if err = x.same(n, err); err != nil {
			a.fail(err)
			return
		}
		marks = []*node{n}
	case IntentRename:
		n, d, name, err := t.checkRename(x.Path, x.To, x.User, x.Overwrite)
		if err = x.same(n, err); err != nil {
			a.fail(err)
			return
		}
		marks = []*node{n}
		if d != nil && t.kid(d, name) != nil && t.kid(d, name) != n {
			marks = append(marks, t.kid(d, name))
		}
	case IntentPublish:
		n := t.byNumber(x.Ino)
		if n == nil || n.Dir {
			a.fail(ErrLeaseLost)
			return
		}
		if err := t.held(n); err != nil {
			a.fail(err)
			return
		}
		if t.pathOf(n) != x.Path {
			a.fail(ErrLeaseLost)
			return
		}
		marks = []*node{n}
		if d := t.node(n.Parent); d != nil {
			if old := t.kid(d, n.Name); old != nil && old != n {
				if err := t.held(old); err != nil {
					a.fail(err)
					return
				}
				marks = append(marks, old)
			}
		}
	case IntentSetAttr:
		n, err := t.walk(x.Path, x.User)
		if err = x.same(n, err); err == nil {
			err = t.held(n)
		}
		if err == nil {
			var c command
			if c, err = decodeCmd(x.Payload); err != nil {
				err = ErrInvalid
			} else if set, ok := c.(*SetAttr); ok {
				err = set.check(n)
			} else {
				err = ErrInvalid
			}
		}
		if err != nil {
			a.fail(err)
			return
		}
		marks = []*node{n}
	case IntentMkdir:
		d, name, err := t.parentFor(x.Path, x.User, false, "", "", a.now)
		if err == nil && t.kid(d, name) != nil {
			err = ErrExist
		}
		if err != nil {
			a.fail(err)
			return
		}
	default:
		a.fail(ErrInvalid)
		return
	}
	t.nextID++
	in := &Intent{
		ID: t.nextID, Kind: x.Kind, Path: x.Path, To: x.To, Ino: x.Ino, Key: x.Key, Prior: x.Prior, Recursive: x.Recursive,
		Overwrite: x.Overwrite, Unchecked: x.Unchecked, Mode: x.Mode, Owner: x.Owner, Group: x.Group, Payload: x.Payload,
	}
	in.Ino = 0 // of a directory that is to be made
	if len(marks) > 0 {
		in.Ino = marks[0].Ino
	}
	t.intents[in.ID] = in
	for _, n := range marks {
		n.Intent = in.ID
		in.marks = append(in.marks, n.Ino)
	}
	a.answer.IntentID, a.answer.Ino = in.ID, in.Ino
}

// same checks that the name still has the inode that the caller saw there, if it says which.
func (x *Begin) same(n *node, err error) error {
	if err == nil && x.Ino != 0 && x.Ino != n.Ino {
		return ErrStale
	}
	return err
}

func (x *Step) apply(t *Tree, a *applied) {
	in := t.intents[x.IntentID]
	if in == nil || in.Kind != IntentRemove {
		a.fail(ErrInvalid)
		return
	}
	for _, p := range x.Paths {
		if !strings.HasPrefix(p, in.Path+"/") {
			continue
		}
		if n, err := t.walk(p, nil); err == nil && !n.MountPoint {
			t.drop(n, a)
		}
		t.settle()
	}
}

func (x *End) apply(t *Tree, a *applied) {
	in := t.intents[x.IntentID]
	if in == nil {
		return
	}
	delete(t.intents, in.ID)
	for _, ino := range in.marks {
		if n := t.node(ino); n != nil && n.Intent == in.ID {
			n.Intent = 0
		}
	}
	defer func() { a.effects = append(a.effects, Effect{Kind: IntentEnded, ID: in.ID}) }()
	if !x.Commit {
		return
	}
	n := t.node(in.Ino)
	switch in.Kind {
	case IntentRemove:
		if n != nil {
			p := t.node(n.Parent)
			t.drop(n, a)
			p.ModTime = a.now
		}
	case IntentRename:
		dir, name := split(in.To)
		d, err := t.walk(dir, nil)
		if n == nil || err != nil {
			return
		}
		t.move(n, d, name, a)
		t.published(n, x)
	case IntentPublish:
		if n == nil {
			return
		}
		if len(in.Payload) > 0 {
			cf, ok := in.CompleteFile()
			if !ok {
				a.fail(ErrInvalid)
				return
			}
			cf.Persist, cf.Version = Persisted, x.Version
			t.complete(n, cf, a)
			n.SyncedAt = a.now
			t.parentsPersisted(n)
			return
		}
		n.Persist, n.Owed = Persisted, false
		t.published(n, x)
		n.SyncedAt = a.now
		a.effect(Stored, n)
		t.parentsPersisted(n)
	case IntentSetAttr:
		if n == nil {
			return
		}
		if s, ok := in.SetAttr(); ok {
			a.answer.Ino = n.Ino
			s.one(n, a)
		}
		t.published(n, x)
	case IntentMkdir:
		d, name, err := t.parentFor(in.Path, nil, false, "", "", a.now)
		if err == nil && t.kid(d, name) == nil {
			k := t.makeDir(d, name, in.Mode, in.Owner, in.Group, a.now)
			k.Persist, k.ChildrenLoaded, k.SyncedAt = Persisted, true, a.now
			a.answer.Ino = k.Ino
		}
	}
}

// SetAttr is what an intent of that kind is about to change.
func (in *Intent) SetAttr() (*SetAttr, bool) {
	if in.Kind != IntentSetAttr {
		return nil, false
	}
	c, err := decodeCmd(in.Payload)
	s, ok := c.(*SetAttr)
	return s, ok && err == nil
}

// CompleteFile is what a publication completes; not ok for one of a file that is complete already.
func (in *Intent) CompleteFile() (*CompleteFile, bool) {
	if in.Kind != IntentPublish || len(in.Payload) == 0 {
		return nil, false
	}
	c, err := decodeCmd(in.Payload)
	f, ok := c.(*CompleteFile)
	return f, ok && err == nil
}

// published records the version that the store has now.
func (t *Tree) published(n *node, x *End) {
	if !n.Dir && x.Version != "" {
		n.Version = inodes.VersionOf(x.Version)
	}
}

func (t *Tree) parentsPersisted(n *node) {
	for k := t.node(n.Parent); k != nil && !k.isRoot(); k = t.node(k.Parent) {
		k.Persist = Persisted
	}
}
