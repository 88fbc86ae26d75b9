package inodes

import (
	"io/fs"
	"unsafe"
)

// Entry is an inode with its path, to be handed out: 128 bytes that share what they can. It does not change.
type Entry struct {
	path    string
	class   *class
	more    *more // what few have; nil: nothing
	fileID  [16]byte
	ino     uint64
	size    int64
	mod     int64
	synced  int64
	flags   uint16
	length  uint8 // of version
	version [packedShort]byte
}

// packedShort is the longest version that an Entry has within itself: sizes, times and MD5 in hex are shorter.
const packedShort = 21

// more is what few entries have.
type more struct {
	intent  uint64
	ttl     int64
	acl     *ACL
	xattr   map[string][]byte
	version string // where it is longer than packedShort
}

// EntryOf is the entry for an inode that is in no table.
func EntryOf(in *Inode, path string) *Entry {
	e := &Entry{path: path, fileID: in.FileID, ino: in.Ino, size: in.Size, mod: in.ModTime, synced: in.SyncedAt, flags: in.flags()}
	e.class = &class{mode: in.Mode, action: in.TTLAction, blockSize: in.BlockSize, least: in.ReplicasMin, most: in.ReplicasMax, owner: in.Owner, group: in.Group, homes: in.Homes}
	e.more = &more{intent: in.Intent, ttl: in.TTL, acl: in.ACL, xattr: in.Xattr, version: in.Version.String()}
	return e
}

func (e *Entry) Path() string         { return e.path }
func (e *Entry) Ino() uint64          { return e.ino }
func (e *Entry) Dir() bool            { return e.flags&isDir != 0 }
func (e *Entry) MountPoint() bool     { return e.flags&isMount != 0 }
func (e *Entry) Complete() bool       { return e.flags&isComplete != 0 }
func (e *Entry) Pinned() bool         { return e.flags&isPinned != 0 }
func (e *Entry) Held() bool           { return e.flags&hasIntent != 0 } // by an intent
func (e *Entry) FileID() [16]byte     { return e.fileID }
func (e *Entry) Size() int64          { return e.size }
func (e *Entry) ModTime() int64       { return e.mod }
func (e *Entry) SyncedAt() int64      { return e.synced }
func (e *Entry) BlockSize() int64     { return e.class.blockSize }
func (e *Entry) Mode() fs.FileMode    { return e.class.mode }
func (e *Entry) Owner() string        { return e.class.owner }
func (e *Entry) Group() string        { return e.class.group }
func (e *Entry) Action() TTLAction    { return e.class.action }
func (e *Entry) Replicas() (int, int) { return e.class.least, e.class.most }

// Persist says how a file stands to its under store.
func (e *Entry) Persist() PersistState { return PersistState(e.flags >> persistShift & 3) }

// TTL is the time to live, 0 for ever.
func (e *Entry) TTL() int64 {
	if e.more == nil {
		return 0
	}
	return e.more.ttl
}

// ACL is the access list, nil for none.
func (e *Entry) ACL() *ACL {
	if e.more == nil {
		return nil
	}
	return e.more.acl
}

// Xattr are the extended attributes.
func (e *Entry) Xattr() map[string][]byte {
	if e.more == nil {
		return nil
	}
	return e.more.xattr
}

// Version is the store's name for the content, "" for none.
func (e *Entry) Version() string {
	if e.more != nil && e.length == 0 {
		return e.more.version
	}
	return unpack(string(e.version[:e.length]), e.size, e.mod)
}

// fillEntry sets all of e but its path.
func (t *Table) fillEntry(slot uint32, r *record, packed []byte, e *Entry) {
	e.class, e.ino, e.size, e.mod, e.synced, e.flags = t.classes.list[r.class].class, r.ino(slot), r.size, r.mod, r.synced, r.flags
	if !r.is(isDir) {
		e.fileID = *r.fileID()
	}
	if len(packed) <= packedShort && r.flags&(hasTTL|hasIntent|hasRare) == 0 {
		e.length = uint8(copy(e.version[:], packed))
		return
	}
	e.more = &more{}
	var in Inode
	t.aside.fill(slot, r.flags, &in)
	e.more.intent, e.more.ttl, e.more.acl, e.more.xattr = in.Intent, in.TTL, in.ACL, in.Xattr
	e.more.version = t.version(slot, r).String()
}

// Entry sets e to the inode of that number, whose path the caller knows.
func (t *Table) Entry(ino uint64, path string, e *Entry) bool {
	r := t.at(ino)
	if r == nil {
		return false
	}
	*e = Entry{path: path}
	_, packed := t.cell(r)
	t.fillEntry(uint32(ino), r, packed, e)
	return true
}

// slabEntries is how many entries of a listing share an allocation: who keeps one keeps as many, 2 KiB.
const slabEntries = 16

// newEntries makes the entries of a page of a listing.
func (t *Table) newEntries(d *record, prefix, after string, limit int) (list []*Entry, more bool) {
	var group [slabEntries]uint32
	n := 0
	list = make([]*Entry, 0, min(limit, int(d.id[kidsCount])))
	t.kidsFrom(d, after, func(slot uint32) bool {
		if len(list)+n >= limit {
			more = true
			return false
		}
		if group[n], n = slot, n+1; n == slabEntries {
			list, n = t.slab(group[:n], prefix, list), 0
		}
		return true
	})
	return t.slab(group[:n], prefix, list), more
}

// slab makes the entries of a group, with one allocation for them and one for their paths.
func (t *Table) slab(group []uint32, prefix string, dst []*Entry) []*Entry {
	var names, versions [slabEntries][]byte
	size := len(prefix) * len(group)
	for i, slot := range group {
		names[i], versions[i] = t.cell(t.rec(slot))
		size += len(names[i])
	}
	entries, paths := make([]Entry, len(group)), make([]byte, 0, size)
	for i, slot := range group {
		e, at := &entries[i], len(paths)
		t.fillEntry(slot, t.rec(slot), versions[i], e)
		paths = append(append(paths, prefix...), names[i]...)
		e.path = unsafe.String(&paths[at], len(paths)-at)
		dst = append(dst, e)
	}
	return dst
}
