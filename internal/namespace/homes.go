package namespace

import "slices"

// SetHomes says where the blocks of a file are that no store has: on Add by now, on Drop no more. A file that has no homes
// is Lost, and so is one that is said to be, because none of its homes lives; a new home, or an old one that says that it
// is, finds it. Who leaves is not added.
type SetHomes struct {
	Ino       uint64
	FileID    [16]byte
	Add, Drop []string
	Lost      bool
}

func (x *SetHomes) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *SetHomes) op() byte               { return 26 }
func (x *SetHomes) code(c *codec) {
	c.uint(&x.Ino)
	c.id(&x.FileID)
	c.strs(&x.Add)
	c.strs(&x.Drop)
	c.bool(&x.Lost)
}

func (x *SetHomes) apply(t *Tree, a *applied) {
	n := t.byNumber(x.Ino)
	if n == nil || n.FileID != x.FileID || !n.Complete || n.Persist == Persisted {
		return
	}
	var homes []string // a new list: others have the old one
	for _, id := range n.Homes {
		if !slices.Contains(x.Drop, id) {
			homes = append(homes, id)
		}
	}
	add := t.staying(x.Add)
	for _, id := range add {
		if !slices.Contains(homes, id) {
			homes = append(homes, id)
		}
	}
	n.Homes = homes
	if len(add) > 0 {
		a.effect(Rehomed, n)
	}
	switch lost := x.Lost || len(homes) == 0; {
	case lost && n.Persist != Lost:
		n.Owed, n.Persist = n.Persist == ToPersist, Lost
		a.effect(Missed, n)
	case !lost && len(add) > 0 && n.Persist == Lost:
		t.foundAgain(n, a)
	}
}

// foundAgain makes a Lost file what it was.
func (t *Tree) foundAgain(n *node, a *applied) {
	n.Persist = NotPersisted
	if n.Owed {
		n.Owed, n.Persist = false, ToPersist
		a.effect(ToPersistEffect, n)
	}
}

// Unsaved lists up to limit complete files whose blocks no store has, behind the one of number after (0: from the first).
func (t *Tree) Unsaved(after uint64, limit int) (out []Inode) {
	defer t.locks.read(0)()
	t.table.Unsaved(after, func(ino uint64) bool {
		var in Inode
		t.table.Get(ino, &in)
		if in.Complete && !in.Dir {
			out = append(out, in)
		}
		return len(out) < limit
	})
	return out
}
