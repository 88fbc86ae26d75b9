package namespace

import (
	"bytes"
	"slices"
)

// A lease is a run of a node: its first 8 bytes are the node's, the rest is the run's. What a run has begun and not ended,
// incomplete files and intents, carries its lease, so that it can be told from what others have begun.

// nodePart is how many bytes of a lease are its node's.
const nodePart = 8

// ExpireNode removes the incomplete files of all runs of a node but one, and that they leave. What an intent holds stays: who ends that takes
// the file away.
type ExpireNode struct {
	Node [nodePart]byte
	Keep [16]byte
}

func (x *ExpireNode) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *ExpireNode) op() byte               { return 22 }
func (x *ExpireNode) code(c *codec)          { c.fixed(x.Node[:]); c.id(&x.Keep) }

func (x *ExpireNode) apply(t *Tree, a *applied) {
	t.expire(a, func(lease [16]byte) bool { return bytes.HasPrefix(lease[:], x.Node[:]) && lease != x.Keep })
	t.returned(x.earlier)
}

func (x *ExpireLeases) apply(t *Tree, a *applied) {
	t.expire(a, func(lease [16]byte) bool { return (lease == x.Lease) != x.Except })
	if x.Except { // of a node alone: no others are there to leave
		t.returned(func(l Leaver) bool { return l.Lease != x.Lease })
	}
}

// expire removes the incomplete files whose leases have ended, those aside that an intent holds.
func (t *Tree) expire(a *applied, ended func(lease [16]byte) bool) {
	var gone []uint64
	t.table.Leased(func(ino uint64) {
		n := t.node(ino)
		if n.Intent == 0 && ended(n.Lease) && (n.Shadow || t.table.Attached(ino)) {
			gone = append(gone, ino)
		}
		t.settle()
	})
	for _, ino := range gone {
		t.drop(t.node(ino), a)
		t.settle()
	}
}

// BeginBy is Begin by a run of a node, whose the intent is until it ends it or another adopts it. It does not publish what
// is published: ErrStale.
type BeginBy struct {
	Begin
	Lease [16]byte
}

func (x *BeginBy) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *BeginBy) op() byte               { return 23 }
func (x *BeginBy) code(c *codec)          { x.Begin.code(c); c.id(&x.Lease) }

func (x *BeginBy) apply(t *Tree, a *applied) {
	if n := t.byNumber(x.Ino); x.Kind == IntentPublish && len(x.Payload) == 0 && n != nil && n.Persist == Persisted {
		a.fail(ErrStale)
		return
	}
	x.Begin.apply(t, a)
	if a.answer.Err == nil {
		t.intents[a.answer.IntentID].Lease = x.Lease
	}
}

// Adopt makes an intent of a run that has ended another's. ErrLeaseLost if it has ended, or is not From's.
type Adopt struct {
	IntentID uint64
	From, To [16]byte
}

func (x *Adopt) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *Adopt) op() byte               { return 24 }
func (x *Adopt) code(c *codec)          { c.uint(&x.IntentID); c.id(&x.From); c.id(&x.To) }

func (x *Adopt) apply(t *Tree, a *applied) {
	in := t.intents[x.IntentID]
	if in == nil || in.Lease != x.From {
		a.fail(ErrLeaseLost)
		return
	}
	now := *in // a copy: a query may have handed the old one out
	now.Lease = x.To
	t.intents[x.IntentID] = &now
}

// EndBy is End by whom the intent belongs to. ErrLeaseLost if it has ended, or was adopted by another: then that one
// decides what became of it.
type EndBy struct {
	End
	Lease [16]byte
}

func (x *EndBy) Append(b []byte) []byte { return appendCmd(b, x) }
func (x *EndBy) op() byte               { return 25 }
func (x *EndBy) code(c *codec)          { x.End.code(c); c.id(&x.Lease) }

func (x *EndBy) apply(t *Tree, a *applied) {
	if in := t.intents[x.IntentID]; in == nil || in.Lease != x.Lease {
		a.fail(ErrLeaseLost)
		return
	}
	x.End.apply(t, a)
}

// Leases are those of incomplete files and of intents, each once.
func (t *Tree) Leases() (list [][16]byte) {
	defer t.locks.read(0)()
	t.table.Leased(func(ino uint64) {
		var in Inode
		t.table.Get(ino, &in)
		list = append(list, in.Lease)
	})
	for _, in := range t.intents {
		list = append(list, in.Lease)
	}
	slices.SortFunc(list, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(list)
}
