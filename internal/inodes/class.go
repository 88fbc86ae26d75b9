package inodes

import (
	"io/fs"
	"slices"
)

// class is what many inodes have in common. It never changes: entries that were handed out point to it.
type class struct {
	mode        fs.FileMode
	action      TTLAction
	blockSize   int64
	least, most int
	owner       string
	group       string
	homes       []string
}

// sharedClass is a class and how many inodes have it. One that nobody has is free: it holds the next free one.
type sharedClass struct {
	*class
	key  string
	refs uint32
	next uint32
}

type classTable struct {
	list []sharedClass // by number; 0 is none
	ids  map[string]uint32
	free uint32
	last uint32 // that was asked for last
	buf  []byte
}

func newClassTable() classTable {
	return classTable{list: make([]sharedClass, 1), ids: map[string]uint32{}}
}

func (in *Inode) is(c *class) bool {
	return in.Mode == c.mode && in.TTLAction == c.action && in.BlockSize == c.blockSize && in.ReplicasMin == c.least &&
		in.ReplicasMax == c.most && in.Owner == c.owner && in.Group == c.group && slices.Equal(in.Homes, c.homes)
}

// take finds or makes the class of in, and counts one more inode of it.
func (t *classTable) take(in *Inode) uint32 {
	if t.last != 0 && t.list[t.last].refs > 0 && in.is(t.list[t.last].class) {
		t.list[t.last].refs++
		return t.last
	}
	c := class{mode: in.Mode, action: in.TTLAction, blockSize: in.BlockSize, least: in.ReplicasMin, most: in.ReplicasMax, owner: in.Owner, group: in.Group, homes: in.Homes}
	e := encoder{b: t.buf[:0]}
	e.class(&c)
	t.buf = e.b
	id, known := t.ids[string(e.b)]
	if !known {
		id = t.add(c, string(e.b))
	}
	t.list[id].refs++
	t.last = id
	return id
}

func (t *classTable) add(c class, key string) uint32 {
	id := t.free
	if id == 0 {
		id = uint32(len(t.list))
		t.list = append(t.list, sharedClass{})
	} else {
		t.free = t.list[id].next
	}
	c.homes = slices.Clone(c.homes)
	t.list[id] = sharedClass{class: &c, key: key}
	t.ids[key] = id
	return id
}

// drop counts one inode less.
func (t *classTable) drop(id uint32) {
	c := &t.list[id]
	if c.refs--; c.refs > 0 {
		return
	}
	delete(t.ids, c.key)
	*c = sharedClass{next: t.free}
	t.free = id
}
