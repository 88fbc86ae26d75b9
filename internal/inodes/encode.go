package inodes

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"unsafe"
)

var errTruncated = errors.New("truncated")

func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

type encoder struct{ b []byte }

func (e *encoder) uint(v uint64)   { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) int(v int64)     { e.b = binary.AppendVarint(e.b, v) }
func (e *encoder) bytes(v []byte)  { e.b = append(binary.AppendUvarint(e.b, uint64(len(v))), v...) }
func (e *encoder) string(v string) { e.b = append(binary.AppendUvarint(e.b, uint64(len(v))), v...) }

func (e *encoder) class(c *class) {
	e.uint(uint64(c.mode))
	e.uint(uint64(c.action))
	e.int(c.blockSize)
	e.int(int64(c.least))
	e.int(int64(c.most))
	e.string(c.owner)
	e.string(c.group)
	e.uint(uint64(len(c.homes)))
	for _, h := range c.homes {
		e.string(h)
	}
}

func (e *encoder) acl(a *ACL) {
	if a == nil {
		e.uint(0)
		return
	}
	e.uint(uint64(len(a.Entries)) + 1)
	for _, x := range a.Entries {
		e.b = append(e.b, x.Tag, x.Perm)
		e.string(x.Name)
	}
}

func (e *encoder) rare(r rare) {
	e.acl(r.acl)
	e.acl(r.defaultACL)
	e.uint(uint64(len(r.xattr)))
	for _, k := range slices.Sorted(maps.Keys(r.xattr)) {
		e.string(k)
		e.bytes(r.xattr[k])
	}
	e.string(r.version)
}

// slot encodes what is at a slot.
func (t *Table) encodeSlot(e *encoder, slot uint32) {
	r := t.rec(slot)
	if !r.is(used) {
		e.uint(uint64(r.gen) << 1)
		e.uint(uint64(r.parent))
		return
	}
	e.uint(uint64(r.gen)<<1 | 1)
	e.uint(uint64(r.flags))
	e.uint(uint64(r.parent))
	e.uint(uint64(r.class))
	e.int(r.size)
	e.int(r.mod)
	e.int(r.changed)
	e.int(r.synced)
	if !r.is(isDir) {
		e.b = append(e.b, r.fileID()[:]...)
	}
	name, version := t.cell(r)
	e.bytes(name)
	e.bytes(version)
	if r.is(hasTTL) {
		l := t.aside.lives[slot]
		e.int(l.ttl)
		e.int(l.from)
	}
	if r.is(hasLease) {
		l := t.aside.leases[slot]
		e.b = append(e.b, l.id[:]...)
		e.uint(l.parent)
	}
	if r.is(hasIntent) {
		e.uint(t.aside.intents[slot])
	}
	if r.is(hasRare) {
		e.rare(t.aside.rares[slot])
	}
}

// decoder reads what an encoder wrote. After an error it reads zeros.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = errTruncated
	}
	d.b = nil
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// raw reads n bytes, which are the input's.
func (d *decoder) raw(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes() []byte  { return d.raw(d.uint()) }
func (d *decoder) string() string { return string(d.bytes()) }

// count reads how many items follow, each of at least one byte.
func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) class() (c class) {
	c.mode, c.action, c.blockSize = fs.FileMode(d.uint()), TTLAction(d.uint()), d.int()
	c.least, c.most, c.owner, c.group = int(d.int()), int(d.int()), d.string(), d.string()
	for range d.count() {
		c.homes = append(c.homes, d.string())
	}
	return c
}

func (d *decoder) acl() *ACL {
	n := d.uint()
	if n == 0 {
		return nil
	}
	if n-1 > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	a := &ACL{Entries: make([]ACLEntry, n-1)}
	for i := range a.Entries {
		if head := d.raw(2); head != nil {
			a.Entries[i] = ACLEntry{Tag: head[0], Perm: head[1], Name: d.string()}
		}
	}
	return a
}

func (d *decoder) rare() (r rare) {
	r.acl, r.defaultACL = d.acl(), d.acl()
	if n := d.count(); n > 0 {
		r.xattr = make(map[string][]byte, n)
		for range n {
			k := d.string()
			r.xattr[k] = slices.Clone(d.bytes())
		}
	}
	r.version = d.string()
	return r
}
