package inodes

// What few inodes have is kept in maps by slot; a record's flags say whether to look.

type life struct{ ttl, from int64 }

// lease is of an incomplete file. parent is the whole number of its directory, which may be gone when the file is a
// shadow.
type lease struct {
	id     [16]byte
	parent uint64
}

type rare struct {
	acl, defaultACL *ACL
	xattr           map[string][]byte
	version         string
}

type aside struct {
	lives   map[uint32]life
	leases  map[uint32]lease
	intents map[uint32]uint64
	rares   map[uint32]rare
}

func newAside() aside {
	return aside{lives: map[uint32]life{}, leases: map[uint32]lease{}, intents: map[uint32]uint64{}, rares: map[uint32]rare{}}
}

// rare reports whether in has anything that is kept in rares, a long version aside.
func (in *Inode) rare() bool { return in.ACL != nil || in.DefaultACL != nil || len(in.Xattr) > 0 }

// put stores what in has, and forgets what it had (was: the flags before).
func (a *aside) put(slot uint32, was, now uint16, in *Inode, longVersion string) {
	keep(a.lives, slot, was&hasTTL, now&hasTTL, life{in.TTL, in.TTLFrom})
	keep(a.leases, slot, was&hasLease, now&hasLease, lease{in.Lease, in.Parent})
	keep(a.intents, slot, was&hasIntent, now&hasIntent, in.Intent)
	keep(a.rares, slot, was&hasRare, now&hasRare, rare{in.ACL, in.DefaultACL, in.Xattr, longVersion})
}

func keep[T any](m map[uint32]T, slot uint32, was, now uint16, v T) {
	switch {
	case now != 0:
		m[slot] = v
	case was != 0:
		delete(m, slot)
	}
}

func (a *aside) drop(slot uint32, flags uint16) { a.put(slot, flags, 0, &Inode{}, "") }

// fill sets the fields of in that are kept aside.
func (a *aside) fill(slot uint32, flags uint16, in *Inode) {
	if flags&hasTTL != 0 {
		l := a.lives[slot]
		in.TTL, in.TTLFrom = l.ttl, l.from
	}
	if flags&hasLease != 0 {
		l := a.leases[slot]
		if in.Lease = l.id; in.Shadow {
			in.Parent = l.parent
		}
	}
	if flags&hasIntent != 0 {
		in.Intent = a.intents[slot]
	}
	if flags&hasRare != 0 {
		r := a.rares[slot]
		in.ACL, in.DefaultACL, in.Xattr = r.acl, r.defaultACL, r.xattr
	}
}
