package namespace

import (
	"bytes"
	"slices"
)

// Leaver is a run of a node that has said that it leaves: what it has ends with it, or goes out of reach. It is given nothing
// new to keep, and nobody who leaves behind it counts on it.
type Leaver struct {
	Node  string
	Lease [16]byte
}

// Leaving says that a run of a node leaves. Of two that leave at once the second one finds the first in the replica, and only
// then looks at who else has what it has. Ended takes the mark away of a run that has gone; that of an earlier run goes with
// ExpireNode, too, or a node that was killed while it left would be passed over for ever.
type Leaving struct {
	Leaver
	Ended bool
}

func (x *Leaving) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *Leaving) op() byte               { return 28 }
func (x *Leaving) code(c *codec)          { x.Leaver.code(c); c.bool(&x.Ended) }

func (l *Leaver) code(c *codec) { c.str(&l.Node); c.id(&l.Lease) }

func (x *Leaving) apply(t *Tree, _ *applied) {
	switch {
	case x.Ended:
		t.returned(func(l Leaver) bool { return l == x.Leaver })
	case !slices.Contains(t.leavers, x.Leaver):
		t.returned(func(l Leaver) bool { return l.Node == x.Node })
		t.leavers = append(slices.Clip(t.leavers), x.Leaver)
		t.leaves++
	}
}

// returned takes marks away.
func (t *Tree) returned(is func(l Leaver) bool) {
	left := slices.DeleteFunc(slices.Clone(t.leavers), is) // a new list: queries have handed the old one out
	if len(left) < len(t.leavers) {
		t.leavers = left
		t.leaves++
	}
}

// earlier tells the marks of the runs of a node but one.
func (x *ExpireNode) earlier(l Leaver) bool {
	return bytes.HasPrefix(l.Lease[:], x.Node[:]) && l.Lease != x.Keep
}

// staying are those of some nodes that have not said that they leave.
func (t *Tree) staying(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return slices.ContainsFunc(t.leavers, func(l Leaver) bool { return l.Node == id })
	})
}

// Leavers are the nodes that leave, in the order in which they said so. The list is not to be changed.
func (t *Tree) Leavers() []Leaver {
	defer t.locks.read(0)()
	return t.leavers
}

// LeavingChanges is how often Leavers has become another list since this process began.
func (t *Tree) LeavingChanges() uint64 {
	defer t.locks.read(0)()
	return t.leaves
}

// codeLeavers is of version 4. A checkpoint without any is of version 3: while a mesh is being upgraded, its older nodes read
// it.
func (t *Tree) codeLeavers(c *codec, v byte) {
	if v < 4 {
		return
	}
	n := uint64(len(t.leavers))
	c.uint(&n)
	if c.dec {
		if n > uint64(len(c.b)) {
			c.fail()
			return
		}
		t.leavers = make([]Leaver, n)
	}
	for i := range t.leavers {
		t.leavers[i].code(c)
	}
}
